//! The field `Vary`, to which several layers add.
#![allow(dead_code, reason = "not every selection of features varies anything")]

use dsgi::Head;

/// Adds a field's name, unless `Vary` has it or says that everything varies.
pub(crate) fn add(head: &mut Head, name: &str) {
    let has = |value: &[u8]| {
        let mut names = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        names.any(|known| known == b"*" || known.eq_ignore_ascii_case(name.as_bytes()))
    };
    if !head.get_all("Vary").any(has) {
        head.append("Vary", name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_added_once() {
        let mut head = Head::new(200);
        for name in ["Origin", "Accept-Encoding", "origin"] {
            add(&mut head, name);
        }
        let values: Vec<&[u8]> = head.get_all("Vary").collect();
        assert_eq!(values, [b"Origin".as_slice(), b"Accept-Encoding"]);
        let mut head = Head::new(200);
        head.set("Vary", "Cookie, *");
        add(&mut head, "Origin");
        assert_eq!(head.get_all("Vary").count(), 1);
    }
}
