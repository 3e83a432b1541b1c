//! The system's reports that something changed in a folder, where it gives any: they only make the
//! next look come sooner.

pub(crate) use self::system::Notices;

#[cfg(all(target_os = "linux", not(dsgi_portable)))]
mod system {
    use std::fs::File;
    use std::io::{self, Read};
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::mpsc::Sender;
    use std::thread;

    use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};

    /// Reports of one watcher.
    #[derive(Debug)]
    pub(crate) struct Notices(Arc<File>);

    impl Notices {
        /// Reports go to `report`, without saying what they are about.
        pub(crate) fn start(report: Sender<()>) -> io::Result<Self> {
            let file = Arc::new(File::from(init(CreateFlags::CLOEXEC)?));
            let reports = Arc::clone(&file);
            let read = move || {
                let mut events = [0; 4096];
                while matches!((&*reports).read(&mut events), Ok(read) if read > 0) {
                    if report.send(()).is_err() {
                        return;
                    }
                }
            };
            thread::Builder::new().name(String::from("notices")).spawn(read)?;
            Ok(Self(file))
        }

        /// Asks for reports of a folder.
        pub(crate) fn add(&self, folder: &Path) -> io::Result<()> {
            let changes = WatchFlags::CLOSE_WRITE
                | WatchFlags::MODIFY
                | WatchFlags::ATTRIB
                | WatchFlags::CREATE
                | WatchFlags::DELETE
                | WatchFlags::MOVE
                | WatchFlags::ONLYDIR;
            add_watch(&*self.0, folder, changes)?;
            Ok(())
        }
    }
}

#[cfg(any(not(target_os = "linux"), dsgi_portable))]
mod system {
    use std::io;
    use std::path::Path;
    use std::sync::mpsc::Sender;

    /// No reports.
    #[derive(Debug)]
    pub(crate) enum Notices {}

    impl Notices {
        pub(crate) fn start(_: Sender<()>) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(crate) fn add(&self, _: &Path) -> io::Result<()> {
            match *self {}
        }
    }
}
