//! The thread that a plan's guests run in if they may ask for rows, one after the other: it costs more to start one for each
//! step than most steps do.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

type Job = Box<dyn FnOnce() + Send>;

/// The thread; its end is waited for when this is dropped.
struct Thread {
    jobs: Option<SyncSender<Job>>,
    handle: Option<JoinHandle<()>>,
}

impl Thread {
    fn start() -> std::io::Result<Self> {
        // Without room to wait in: what is given is taken, or comes back from a thread that ends.
        let (jobs, given) = sync_channel::<Job>(0);
        let work = move || given.into_iter().for_each(|job| job());
        let handle = Builder::new().name("ptah-guest".to_owned()).spawn(work)?;
        Ok(Self { jobs: Some(jobs), handle: Some(handle) })
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.jobs.take();
        // One that ended abnormally was noticed by whoever waited for its job.
        let _ = self.handle.take().map(JoinHandle::join);
    }
}

/// Runs jobs one after the other, each in the same thread as the one before unless that one ended it.
#[derive(Default)]
pub(super) struct Worker(Option<Thread>);

impl Worker {
    /// Begins a job. What it captures is dropped when it has ended, abnormally too.
    ///
    /// # Errors
    /// No thread can be started.
    pub(super) fn begin(&mut self, job: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let mut job: Job = Box::new(job);
        if let Some(jobs) = self.0.as_ref().and_then(|thread| thread.jobs.as_ref()) {
            match jobs.send(job) {
                Ok(()) => return Ok(()),
                Err(unsent) => job = unsent.0,
            }
        }
        let thread = Thread::start()?;
        if let Some(jobs) = &thread.jobs {
            // It has just begun to take jobs.
            let _ = jobs.send(job);
        }
        self.0 = Some(thread);
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn jobs_share_a_thread_until_one_ends_it() {
        let mut worker = Worker::default();
        let (told, tells) = sync_channel(1);
        let mut thread_of = |panics: bool| {
            let told = told.clone();
            let job = move || {
                told.send(std::thread::current().id()).unwrap();
                assert!(!panics, "as the test wants it");
            };
            worker.begin(job).unwrap();
            tells.recv().unwrap()
        };
        let first = thread_of(false);
        assert_eq!(thread_of(true), first);
        assert_ne!(thread_of(false), first);
    }
}
