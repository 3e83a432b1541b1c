use std::sync::mpsc;

use super::*;

fn start(path: &Path, lines_max: usize) -> (Writer, mpsc::Receiver<String>) {
    let (tell, told) = mpsc::channel();
    let tell = move |what: &str| tell.send(what.to_owned()).unwrap();
    (Writer::start(Target::File(path.to_path_buf()), lines_max, tell).unwrap(), told)
}

#[test]
fn lines_are_appended_in_order_and_none_is_lost_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    std::fs::write(&path, "before\n").unwrap();
    let (writer, told) = start(&path, 10_000);
    let mut expected = String::from("before\n");
    for number in 0..1000 {
        writer.write(format!("{number}\n"));
        expected.push_str(&format!("{number}\n"));
    }
    writer.close();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    assert_eq!(told.try_iter().count(), 0);
}

#[test]
fn what_does_not_fit_is_dropped_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let (writer, told) = start(&path, 2);
    // With the queue in hand the thread cannot empty it meanwhile.
    let mut queue = writer.shared.lock();
    queue.lines = vec![String::from("one\n"), String::from("two\n")];
    drop(queue);
    for _ in 0..1000 {
        writer.write(String::from("more\n"));
    }
    writer.close();
    writer.write(String::from("late\n"));
    let written = std::fs::read_to_string(&path).unwrap().lines().count();
    let told: Vec<String> = told.try_iter().collect();
    let dropped = told.iter().map(|line| line.split(' ').next().unwrap());
    let dropped: usize = dropped.map(|count| count.parse::<usize>().unwrap()).sum();
    assert_eq!(written + dropped, 1002, "{told:?}");
    assert!(dropped > 0, "all fitted");
}

/// Takes so many bytes, and so many at a time; more are an error.
struct Disk {
    taken: Vec<u8>,
    most: usize,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(3).min(self.most - self.taken.len());
        if count == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.taken.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn every_line_is_there_as_a_whole_or_counted() {
    for most in 0..12 {
        let mut disk = Disk { taken: Vec::new(), most };
        let (written, last) = put(&mut disk, "one\ntwo\nlast\n", Last::Whole);
        let whole = disk.taken.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(written.unwrap_err().lines, 3 - whole as u64, "{most}");
        disk.most = 100;
        let (written, last) = put(&mut disk, "more\n", last);
        assert!(written.is_ok() && last == Last::Whole);
        let text = String::from_utf8(disk.taken).unwrap();
        assert!(text == "more\n" || text.ends_with("\nmore\n"), "{most}: {text}");
    }
}

#[test]
fn lines_that_cannot_be_written_are_counted() {
    let (writer, told) = start(Path::new("/dev/full"), 10_000);
    for _ in 0..1000 {
        writer.write(String::from("line\n"));
    }
    writer.close();
    let told: Vec<String> = told.try_iter().collect();
    let lost = told.iter().map(|line| line.split_once(" lines were lost: cannot write: "));
    let lost: u64 = lost.map(|line| line.unwrap().0.parse::<u64>().unwrap()).sum();
    assert_eq!(lost, 1000, "{told:?}");
}

#[test]
fn a_file_that_was_moved_away_is_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (path, old) = (folder.path().join("log"), folder.path().join("log.1"));
    let mut sink = Sink::open(Target::File(path.clone())).unwrap();
    let mut write = |line: &str| {
        if let Sink::File { looked, .. } = &mut sink {
            looked.at = looked.at.checked_sub(LOOK).unwrap();
        }
        sink.follow().unwrap();
        sink.write(&[line.to_owned()]).unwrap();
    };
    write("first\n");
    std::fs::rename(&path, &old).unwrap();
    write("second\n");
    std::fs::rename(&path, &old).unwrap();
    std::fs::write(&path, "another's\n").unwrap();
    write("third\n");
    assert_eq!(std::fs::read_to_string(&old).unwrap(), "second\n");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "another's\nthird\n");
    std::fs::remove_file(&path).unwrap();
    write("fourth\n");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "fourth\n");
}

#[test]
fn lines_stay_with_the_old_file_where_there_can_be_no_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let (place, old) = (folder.path().join("here"), folder.path().join("there"));
    std::fs::create_dir(&place).unwrap();
    let (writer, told) = start(&place.join("log"), 10);
    std::fs::rename(&place, &old).unwrap();
    rotate();
    writer.write(String::from("kept\n"));
    writer.close();
    assert_eq!(std::fs::read_to_string(old.join("log")).unwrap(), "kept\n");
    let told: Vec<String> = told.try_iter().collect();
    assert!(told[0].starts_with("stays with the file that was moved: "), "{told:?}");
}
