//! What is mapped into this process, as the system shows it.

use std::path::PathBuf;

/// The file of this name that is mapped here.
pub(crate) fn mapped_file(name: &str) -> Option<PathBuf> {
    if cfg!(any(not(target_os = "linux"), dsgi_portable)) {
        return None;
    }
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    named(&maps, name).map(PathBuf::from)
}

/// The path of a mapped file by its name; each line ends with the path.
fn named<'a>(maps: &'a str, name: &str) -> Option<&'a str> {
    maps.lines().find_map(|line| {
        let path = &line[line.find('/')?..];
        (path.rsplit('/').next() == Some(name)).then_some(path)
    })
}

#[test]
fn the_mapped_file_is_found_by_its_name() {
    let maps = "7f00-7f01 r--p 0 fe:00 12  /opt/libc.so.6.bak\n\
                7f02-7f03 r--p 0 fe:00 13  /opt/with space/libc.so.6\n\
                7f04-7f05 rw-p 0 00:00 0   [stack]\n";
    assert_eq!(named(maps, "libc.so.6"), Some("/opt/with space/libc.so.6"));
    assert_eq!(named(maps, "libm.so.6"), None);
}
