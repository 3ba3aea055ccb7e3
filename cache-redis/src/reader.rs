//! Decides what the answer to a poll of the log means. It does no I/O.

use cache_core::{LogPosition, Restart};

use crate::listener::Listener;

/// What the server says the log's end is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Head {
    pub(crate) epoch: u64,
    pub(crate) id: u64,
    /// That of the record with this id; of the epoch, if there is none yet.
    pub(crate) nonce: u64,
    /// The server process in which the epoch began.
    pub(crate) run: String,
}

/// A record of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    pub(crate) id: u64,
    pub(crate) nonce: u64,
    /// The nonce of the record before.
    pub(crate) previous: u64,
    pub(crate) body: Vec<u8>,
}

/// Head and records of one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    /// None: there is none, or not as this release writes it.
    pub(crate) head: Option<Head>,
    /// Those after [`LogReader::after`], in the order of their ids.
    pub(crate) records: Vec<Record>,
    /// Whether these are all.
    pub(crate) is_complete: bool,
}

/// What to do after an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// Everything that was in the log has been heard.
    UpToDate,
    /// Poll again, at once.
    Poll,
    /// Begin a new epoch, unless another process has done so since.
    BeginEpoch,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Last {
    epoch: u64,
    id: u64,
    nonce: u64,
}

impl Last {
    fn of(head: &Head) -> Self {
        Self { epoch: head.epoch, id: head.id, nonce: head.nonce }
    }

    fn before(record: &Record, epoch: u64) -> Self {
        Self { epoch, id: record.id.saturating_sub(1), nonce: record.previous }
    }

    fn position(self) -> LogPosition {
        LogPosition { epoch: self.epoch, id: self.id }
    }
}

/// Follows the log through answers to polls.
#[derive(Debug)]
pub(crate) struct LogReader {
    /// The last record heard. None: the next answer says where to start.
    last: Option<Last>,
    /// Why that will be a restart.
    why: Restart,
}

impl LogReader {
    pub(crate) fn new() -> Self {
        Self { last: None, why: Restart::First }
    }

    /// The id after which the next poll asks for records.
    pub(crate) fn after(&self) -> u64 {
        self.last.map_or(0, |last| last.id)
    }

    /// The epoch of the last record heard.
    pub(crate) fn epoch(&self) -> Option<u64> {
        self.last.map(|last| last.epoch)
    }

    /// Whether an answer has nothing to tell.
    pub(crate) fn knows(&self, answer: &Answer) -> bool {
        answer.records.is_empty() && self.last == answer.head.as_ref().map(Last::of)
    }

    /// Takes the answer to a poll that asked for what is [after](Self::after), by a server process `run`.
    pub(crate) fn read(&mut self, answer: Answer, run: &str, listener: &dyn Listener) -> Next {
        // Another process of the server may have lost what was acknowledged.
        let Some(head) = answer.head.filter(|head| head.run == run) else {
            self.forget(Restart::NewEpoch);
            return Next::BeginEpoch;
        };
        if self.last.is_some_and(|last| last.epoch != head.epoch) {
            self.forget(Restart::NewEpoch);
            return Next::Poll;
        }
        // Otherwise the rest is nothing that this release could read.
        let goes_on = !answer.is_complete && !answer.records.is_empty();
        let mut last = self.last.unwrap_or_else(|| {
            let first = answer.records.first();
            let start = first.map_or(Last::of(&head), |first| Last::before(first, head.epoch));
            listener.restart(start.position(), self.why);
            start
        });
        for record in answer.records {
            if record.id != last.id + 1 {
                // What follows the gap is the longest part of the log without one.
                last = Last::before(&record, head.epoch);
                listener.restart(last.position(), Restart::Lost);
            } else if record.previous != last.nonce {
                return self.distrust();
            }
            last = Last { epoch: head.epoch, id: record.id, nonce: record.nonce };
            if !listener.hear(last.position(), &record.body) {
                listener.restart(last.position(), Restart::Lost);
            }
        }
        self.last = Some(last);
        if last.id < head.id {
            if goes_on {
                return Next::Poll;
            }
            // The end is missing: nothing before it is of use.
            listener.restart(Last::of(&head).position(), Restart::Lost);
            self.last = Some(Last::of(&head));
        } else if last != Last::of(&head) {
            return self.distrust();
        }
        Next::UpToDate
    }

    /// Ids of this epoch were given twice, or may be: positions mean nothing any more, also those of stored values.
    pub(crate) fn distrust(&mut self) -> Next {
        self.forget(Restart::NewEpoch);
        Next::BeginEpoch
    }

    fn forget(&mut self, why: Restart) {
        // The first reason is that of the restart that follows.
        if self.last.take().is_some() {
            self.why = why;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listener::recording::{Call, REFUSED, Recording};

    const RUN: &str = "run";

    /// The nonce of a record of an epoch; of the epoch itself for id 0.
    fn nonce(epoch: u64, id: u64) -> u64 {
        epoch * 1000 + id
    }

    fn record(epoch: u64, id: u64) -> Record {
        Record { id, nonce: nonce(epoch, id), previous: nonce(epoch, id - 1), body: id.to_string().into_bytes() }
    }

    fn head(epoch: u64, id: u64) -> Head {
        Head { epoch, id, nonce: nonce(epoch, id), run: RUN.to_owned() }
    }

    fn answer(epoch: u64, end: u64, ids: impl IntoIterator<Item = u64>) -> Answer {
        let records = ids.into_iter().map(|id| record(epoch, id)).collect();
        Answer { head: Some(head(epoch, end)), records, is_complete: true }
    }

    fn restart(epoch: u64, id: u64, why: Restart) -> Call {
        Call::Restart(LogPosition { epoch, id }, why)
    }

    fn hear(epoch: u64, id: u64) -> Call {
        Call::Hear(LogPosition { epoch, id }, id.to_string().into_bytes())
    }

    fn read(reader: &mut LogReader, answer: Answer) -> (Next, Vec<Call>) {
        let listener = Recording::default();
        let next = reader.read(answer, RUN, &listener);
        (next, listener.take())
    }

    /// A reader that has heard records 1 and 2 of epoch 7.
    fn reader_at_2() -> LogReader {
        let mut reader = LogReader::new();
        assert_eq!(read(&mut reader, answer(7, 2, 1..=2)).0, Next::UpToDate);
        assert_eq!((reader.after(), reader.epoch()), (2, Some(7)));
        reader
    }

    #[test]
    fn begins_with_the_oldest_record() {
        let mut reader = LogReader::new();
        assert_eq!((reader.after(), reader.epoch()), (0, None));
        let heard = vec![restart(7, 4, Restart::First), hear(7, 5), hear(7, 6)];
        assert_eq!(read(&mut reader, answer(7, 6, 5..=6)), (Next::UpToDate, heard));
    }

    #[test]
    fn begins_at_the_head_of_an_empty_log() {
        assert_eq!(
            read(&mut LogReader::new(), answer(7, 0, [])),
            (Next::UpToDate, vec![restart(7, 0, Restart::First)])
        );
        assert_eq!(
            read(&mut LogReader::new(), answer(7, 9, [])),
            (Next::UpToDate, vec![restart(7, 9, Restart::First)])
        );
    }

    #[test]
    fn begins_after_a_gap_of_what_it_finds() {
        let heard =
            vec![restart(7, 0, Restart::First), hear(7, 1), restart(7, 2, Restart::Lost), hear(7, 3), hear(7, 4)];
        assert_eq!(read(&mut LogReader::new(), answer(7, 4, [1, 3, 4])), (Next::UpToDate, heard));
    }

    #[test]
    fn goes_on_in_order() {
        let mut reader = reader_at_2();
        assert!(
            reader.knows(&answer(7, 2, [])) && !reader.knows(&answer(7, 3, [])) && !reader.knows(&answer(7, 3, [3]))
        );
        assert_eq!(read(&mut reader, answer(7, 2, [])), (Next::UpToDate, vec![]));
        assert_eq!(read(&mut reader, answer(7, 4, 3..=4)), (Next::UpToDate, vec![hear(7, 3), hear(7, 4)]));
        assert_eq!(reader.after(), 4);
    }

    #[test]
    fn polls_for_the_rest_of_a_long_log() {
        let mut reader = reader_at_2();
        let first = Answer { is_complete: false, ..answer(7, 5, [3]) };
        assert_eq!(read(&mut reader, first), (Next::Poll, vec![hear(7, 3)]));
        assert_eq!(read(&mut reader, answer(7, 5, 4..=5)), (Next::UpToDate, vec![hear(7, 4), hear(7, 5)]));
    }

    #[test]
    fn a_full_answer_that_reaches_the_head_is_up_to_date() {
        let full = Answer { is_complete: false, ..answer(7, 3, [3]) };
        assert_eq!(read(&mut reader_at_2(), full), (Next::UpToDate, vec![hear(7, 3)]));
    }

    #[test]
    fn a_full_answer_without_a_record_ends_the_poll() {
        let foreign = Answer { is_complete: false, ..answer(7, 5, []) };
        assert_eq!(read(&mut reader_at_2(), foreign), (Next::UpToDate, vec![restart(7, 5, Restart::Lost)]));
    }

    #[test]
    fn a_record_that_the_cache_refuses_is_a_loss() {
        let mut refused = answer(7, 4, 3..=4);
        refused.records[0].body = REFUSED.to_vec();
        let heard = vec![
            Call::Hear(LogPosition { epoch: 7, id: 3 }, REFUSED.to_vec()),
            restart(7, 3, Restart::Lost),
            hear(7, 4),
        ];
        assert_eq!(read(&mut reader_at_2(), refused), (Next::UpToDate, heard));
    }

    #[test]
    fn a_gap_is_a_loss() {
        let heard = vec![restart(7, 3, Restart::Lost), hear(7, 4), hear(7, 5)];
        assert_eq!(read(&mut reader_at_2(), answer(7, 5, 4..=5)), (Next::UpToDate, heard));
    }

    #[test]
    fn a_missing_end_is_a_loss() {
        let mut reader = reader_at_2();
        let heard = vec![hear(7, 3), restart(7, 5, Restart::Lost)];
        assert_eq!(read(&mut reader, answer(7, 5, [3])), (Next::UpToDate, heard));
        assert_eq!(read(&mut reader, answer(7, 6, [6])), (Next::UpToDate, vec![hear(7, 6)]));
    }

    #[test]
    fn a_missing_log_is_a_loss_only_if_it_was_not_heard() {
        let mut reader = reader_at_2();
        assert_eq!(read(&mut reader, answer(7, 2, [])), (Next::UpToDate, vec![]));
        assert_eq!(read(&mut reader, answer(7, 3, [])), (Next::UpToDate, vec![restart(7, 3, Restart::Lost)]));
    }

    #[test]
    fn a_step_back_begins_an_epoch() {
        let mut reader = reader_at_2();
        assert_eq!(read(&mut reader, answer(7, 1, [])), (Next::BeginEpoch, vec![]));
        assert_eq!(reader.after(), 0);
        assert_eq!(read(&mut reader, answer(8, 0, [])), (Next::UpToDate, vec![restart(8, 0, Restart::NewEpoch)]));
    }

    #[test]
    fn another_predecessor_begins_an_epoch() {
        let mut other = answer(7, 3, [3]);
        other.records[0].previous += 1;
        let mut reader = reader_at_2();
        assert_eq!(read(&mut reader, other), (Next::BeginEpoch, vec![]));
        assert_eq!(read(&mut reader, answer(8, 0, [])), (Next::UpToDate, vec![restart(8, 0, Restart::NewEpoch)]));
    }

    #[test]
    fn another_nonce_of_the_same_id_begins_an_epoch() {
        let mut other = answer(7, 2, []);
        other.head.as_mut().unwrap().nonce += 1;
        assert_eq!(read(&mut reader_at_2(), other), (Next::BeginEpoch, vec![]));
    }

    #[test]
    fn a_record_beyond_the_head_begins_an_epoch() {
        assert_eq!(read(&mut reader_at_2(), answer(7, 2, [3])).0, Next::BeginEpoch);
    }

    #[test]
    fn another_epoch_is_read_from_its_beginning() {
        let mut reader = reader_at_2();
        // The answer has records after ours, not the first ones.
        assert_eq!(read(&mut reader, answer(8, 4, 3..=4)), (Next::Poll, vec![]));
        assert_eq!((reader.after(), reader.epoch()), (0, None));
        let heard = vec![restart(8, 0, Restart::NewEpoch), hear(8, 1), hear(8, 2), hear(8, 3), hear(8, 4)];
        assert_eq!(read(&mut reader, answer(8, 4, 1..=4)), (Next::UpToDate, heard));
    }

    #[test]
    fn no_head_begins_an_epoch() {
        let nothing = Answer { head: None, records: vec![], is_complete: true };
        let mut reader = reader_at_2();
        assert_eq!(read(&mut reader, nothing.clone()), (Next::BeginEpoch, vec![]));
        // Another process was faster, or has not begun yet.
        assert_eq!(read(&mut reader, nothing), (Next::BeginEpoch, vec![]));
        let heard = vec![restart(8, 0, Restart::NewEpoch), hear(8, 1)];
        assert_eq!(read(&mut reader, answer(8, 1, [1])), (Next::UpToDate, heard));
    }

    #[test]
    fn another_process_of_the_server_begins_an_epoch() {
        let listener = Recording::default();
        let mut reader = reader_at_2();
        assert_eq!(reader.read(answer(7, 3, [3]), "another", &listener), Next::BeginEpoch);
        assert_eq!(listener.take(), vec![]);
    }

    #[test]
    fn the_first_restart_is_the_first_also_if_it_begins_the_epoch() {
        let mut reader = LogReader::new();
        let nothing = Answer { head: None, records: vec![], is_complete: true };
        assert_eq!(read(&mut reader, nothing), (Next::BeginEpoch, vec![]));
        assert_eq!(read(&mut reader, answer(8, 0, [])), (Next::UpToDate, vec![restart(8, 0, Restart::First)]));
    }
}
