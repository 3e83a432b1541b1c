//! Cookies, ours and others.

use super::*;

const FORMS: [Form; 2] = [Form::Signed, Form::Encrypted];

fn keys(secrets: &[u8], form: Form, name: &str) -> Keys {
    let secrets = secrets.iter().map(|one| vec![*one; SECRET_MIN]).collect();
    Keys::new(secrets, form, name).unwrap()
}

#[test]
fn a_cookie_says_its_session() {
    let id = Id::random().unwrap();
    for form in FORMS {
        let keys = keys(&[1], form, "session");
        let cookie = keys.mark(&id).unwrap();
        assert!(cookie.bytes().all(|one| one.is_ascii_alphanumeric() || b"-_".contains(&one)));
        let named = Named { id, mark: Mark::Current };
        assert_eq!(keys.read(cookie.as_bytes()), Some(named));
    }
}

#[test]
fn any_changed_bit_makes_it_nobodys() {
    for form in FORMS {
        let keys = keys(&[1], form, "session");
        let cookie = keys.mark(&Id::random().unwrap()).unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&cookie).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let changed = URL_SAFE_NO_PAD.encode(changed);
            assert_eq!(keys.read(changed.as_bytes()), None, "{form:?}, bit {bit}");
        }
        assert_eq!(keys.read(&cookie.as_bytes()[1..]), None);
        assert_eq!(keys.read(b""), None);
    }
}

#[test]
fn an_old_key_is_known_as_long_as_it_is_listed() {
    let id = Id::random().unwrap();
    for form in FORMS {
        let cookie = keys(&[1], form, "session").mark(&id).unwrap();
        let read = |secrets: &[u8]| keys(secrets, form, "session").read(cookie.as_bytes());
        assert_eq!(read(&[2, 1]), Some(Named { id, mark: Mark::Old }));
        assert_eq!(read(&[2]), None);
    }
}

#[test]
fn the_other_form_is_read_and_marked_anew() {
    let id = Id::random().unwrap();
    let signed = keys(&[1], Form::Signed, "session").mark(&id).unwrap();
    let read = keys(&[1], Form::Encrypted, "session").read(signed.as_bytes());
    assert_eq!(read, Some(Named { id, mark: Mark::Old }));
}

#[test]
fn what_was_marked_for_one_cookie_is_nothing_in_another() {
    for form in FORMS {
        let cookie = keys(&[1], form, "basket").mark(&Id::random().unwrap()).unwrap();
        assert_eq!(keys(&[1], form, "session").read(cookie.as_bytes()), None);
    }
}

#[test]
fn a_sealed_cookie_shows_nothing_of_the_session() {
    let (keys, id) = (keys(&[1], Form::Encrypted, "session"), Id::random().unwrap());
    let (first, second) = (keys.mark(&id).unwrap(), keys.mark(&id).unwrap());
    assert_ne!(first, second);
    let bytes = URL_SAFE_NO_PAD.decode(first).unwrap();
    assert!(!bytes.windows(Id::LENGTH).any(|part| part == id.as_bytes()));
}

#[test]
fn made_up_keys_go_from_version_to_version() {
    let made_up = || Keys::new(Vec::new(), Form::Signed, "session").unwrap();
    let (first, id) = (made_up(), Id::random().unwrap());
    let cookie = first.mark(&id).unwrap();
    assert_eq!(made_up().read(cookie.as_bytes()), None);
    let mut before = first.made_up();
    for _ in 0..10 {
        let next = made_up();
        next.adopt(before.clone());
        next.adopt(before);
        assert_eq!(next.read(cookie.as_bytes()), Some(Named { id, mark: Mark::Current }));
        before = next.made_up();
        assert!(before.len() <= MADE_UP_MAX);
    }
    let given = keys(&[1], Form::Signed, "session");
    given.adopt(before);
    assert_eq!(given.read(cookie.as_bytes()), Some(Named { id, mark: Mark::Old }));
    assert!(given.made_up().is_empty(), "an operator's key is nobody's to hand over");
}
