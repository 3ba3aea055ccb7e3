//! What the server does in one step, in Lua.
//!
//! None of the scripts says `no-writes`: so a replica refuses them all, and a primary without the replicas that
//! `min-replicas-to-write` asks for, too. A process on the wrong side of a partition proves nothing then. They may run when
//! the memory is full: an invalidation must not fail because of values.

use std::sync::LazyLock;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, RedisResult, Value};

use crate::reader::{Answer, Head, Record};
use crate::settings::Settings;

/// Most records of an answer.
const MAX_RECORDS: usize = 1000;

/// Appends a record, if the epoch is the one that the writer knows, and began in the process that it talks to. Answers the
/// record's id, 0 if the epoch is another, or -1 if the log is not as the head says: then somebody else has changed it.
static PUBLISH: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"#!lua flags=allow-oom
local head = redis.call('HMGET', KEYS[1], 'epoch', 'run', 'id', 'nonce')
if head[1] ~= ARGV[1] or head[2] ~= ARGV[2] then return 0 end
local last = tonumber(head[3])
if not last or not head[4] then return -1 end
local id = string.format('%.0f', last + 1)
local added = redis.pcall('XADD', KEYS[2], 'NOMKSTREAM', 'MAXLEN', '~', ARGV[3], id .. '-0',
  'n', ARGV[4], 'p', head[4], 'r', ARGV[5])
if type(added) ~= 'string' then return -1 end
redis.call('HSET', KEYS[1], 'id', id, 'nonce', ARGV[4])
return last + 1
",
    )
});

/// Begins an epoch if the last one is that which the caller has seen. The log is made here, and only here: a log that
/// somebody has deleted is found missing.
static BEGIN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"#!lua flags=allow-oom
local seen = redis.pcall('HGET', KEYS[1], 'epoch')
if type(seen) ~= 'string' then seen = '' end
if seen ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('XADD', KEYS[2], 'MAXLEN', '0', '0-1', 'epoch', ARGV[2])
redis.call('HSET', KEYS[1], 'epoch', ARGV[2], 'run', ARGV[3], 'id', '0', 'nonce', ARGV[4])
return 1
",
    )
});

/// Answers the head, records, the time, and the server's process. Before, it removes what is too old of the epoch that is
/// named.
static POLL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"#!lua flags=allow-oom
local head = redis.pcall('HMGET', KEYS[1], 'epoch', 'id', 'nonce', 'run')
if head.err then head = {false, false, false, false} end
if ARGV[3] ~= '0' and head[1] == ARGV[4] then redis.pcall('XTRIM', KEYS[2], 'MINID', '~', ARGV[3]) end
local records = redis.pcall('XRANGE', KEYS[2], '(' .. ARGV[1] .. '-0', '+', 'COUNT', ARGV[2])
if records.err then records = {} end
local run = false
if ARGV[5] == '1' then run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or false end
return {head, records, redis.call('TIME'), run}
",
    )
});

#[derive(Debug)]
pub(crate) struct Script {
    text: &'static str,
    hash: String,
}

impl Script {
    fn new(text: &'static str) -> Self {
        Self { text, hash: redis::Script::new(text).get_hash().to_owned() }
    }
}

/// One run of a script on the head and the log.
#[derive(Debug)]
pub(crate) struct Call {
    script: &'static Script,
    keys: [String; 2],
    arguments: Vec<Vec<u8>>,
}

impl Call {
    fn new(script: &'static Script, settings: &Settings, arguments: Vec<Vec<u8>>) -> Self {
        Self { script, keys: [settings.head_key(), settings.log_key()], arguments }
    }

    pub(crate) fn publish(settings: &Settings, epoch: u64, run: &str, nonce: u64, record: &[u8]) -> Self {
        let arguments = vec![number(epoch), run.into(), number(settings.max_records), number(nonce), record.to_vec()];
        Self::new(&PUBLISH, settings, arguments)
    }

    pub(crate) fn begin(settings: &Settings, seen: &[u8], epoch: u64, run: &str, nonce: u64) -> Self {
        Self::new(&BEGIN, settings, vec![seen.to_vec(), number(epoch), run.into(), number(nonce)])
    }

    /// Asks for records after an id. `trim`: an epoch, and the oldest id of it that is not too old.
    pub(crate) fn poll(settings: &Settings, after: u64, trim: Option<(u64, u64)>, asks_run: bool) -> Self {
        let (epoch, oldest) = trim.unwrap_or((0, 0));
        let arguments =
            vec![number(after), number(MAX_RECORDS as u64), number(oldest), number(epoch), number(u64::from(asks_run))];
        Self::new(&POLL, settings, arguments)
    }

    pub(crate) fn by_hash(&self) -> Cmd {
        self.command("EVALSHA", &self.script.hash)
    }

    /// The server keeps the script, and knows its hash from then on.
    pub(crate) fn by_text(&self) -> Cmd {
        self.command("EVAL", self.script.text)
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(self.keys.len()).arg(&self.keys).arg(&self.arguments);
        command
    }

    pub(crate) async fn run(&self, connection: &mut MultiplexedConnection) -> RedisResult<Value> {
        match self.by_hash().query_async(connection).await {
            Err(error) if is_unknown_script(&error) => self.by_text().query_async(connection).await,
            answer => answer,
        }
    }
}

pub(crate) fn is_unknown_script(error: &RedisError) -> bool {
    error.code() == Some("NOSCRIPT")
}

fn number(value: u64) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// The answer to [`Call::poll`].
#[derive(Debug)]
pub(crate) struct Polled {
    pub(crate) log: Answer,
    /// The epoch as it is written, to name it when a new one [begins](Call::begin).
    pub(crate) seen: Vec<u8>,
    /// By the server's clock, in microseconds.
    pub(crate) server_time: u64,
    /// The server's process, if that was asked.
    pub(crate) run: Option<String>,
}

impl Polled {
    pub(crate) fn parse(answer: Value) -> RedisResult<Self> {
        type Parts = (Vec<Value>, Vec<Value>, (u64, u64), Option<String>);
        let (head, records, (seconds, micros), run): Parts = redis::from_redis_value(answer)?;
        let is_complete = records.len() < MAX_RECORDS;
        // What is not a record of ours leaves a gap.
        let records = records.iter().filter_map(parse_record).collect();
        Ok(Self {
            seen: head.first().and_then(bytes).unwrap_or_default().to_vec(),
            log: Answer { head: parse_head(&head), records, is_complete },
            server_time: seconds * 1_000_000 + micros,
            run,
        })
    }
}

fn parse_head(fields: &[Value]) -> Option<Head> {
    let [epoch, id, nonce, run] = fields else { return None };
    Some(Head {
        epoch: parse_number(epoch)?,
        id: parse_number(id)?,
        nonce: parse_number(nonce)?,
        run: str::from_utf8(bytes(run)?).ok()?.to_owned(),
    })
}

fn parse_record(record: &Value) -> Option<Record> {
    let Value::Array(parts) = record else { return None };
    let [id, Value::Array(fields)] = parts.as_slice() else { return None };
    let [n, nonce, p, previous, r, body] = fields.as_slice() else { return None };
    if (bytes(n)?, bytes(p)?, bytes(r)?) != (b"n", b"p", b"r") {
        return None;
    }
    let id: u64 = str::from_utf8(bytes(id)?).ok()?.strip_suffix("-0")?.parse().ok()?;
    Some(Record { id, nonce: parse_number(nonce)?, previous: parse_number(previous)?, body: bytes(body)?.to_vec() })
}

fn parse_number(value: &Value) -> Option<u64> {
    str::from_utf8(bytes(value)?).ok()?.parse().ok()
}

fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn texts(texts: &[&str]) -> Value {
        Value::Array(texts.iter().copied().map(text).collect())
    }

    fn record(id: &str, fields: &[&str]) -> Value {
        Value::Array(vec![text(id), texts(fields)])
    }

    fn polled(head: Value, records: Vec<Value>, run: Value) -> Polled {
        let answer = Value::Array(vec![head, Value::Array(records), texts(&["1700000000", "25"]), run]);
        Polled::parse(answer).unwrap()
    }

    #[test]
    fn an_answer_has_head_records_time_and_process() {
        let head = texts(&["18446744073709551615", "3", "5", "cafe"]);
        let records = vec![record("3-0", &["n", "5", "p", "4", "r", "body"])];
        let polled = polled(head, records, text("cafe"));
        let run = "cafe".to_owned();
        assert_eq!(
            polled.log,
            Answer {
                head: Some(Head { epoch: u64::MAX, id: 3, nonce: 5, run: run.clone() }),
                records: vec![Record { id: 3, nonce: 5, previous: 4, body: b"body".to_vec() }],
                is_complete: true,
            }
        );
        assert_eq!(polled.seen, b"18446744073709551615");
        assert_eq!(polled.server_time, 1_700_000_000_000_025);
        assert_eq!(polled.run, Some(run));
    }

    #[test]
    fn a_missing_or_foreign_head_is_none() {
        let missing = polled(Value::Array(vec![Value::Nil; 4]), vec![], Value::Nil);
        assert_eq!((missing.log.head, missing.seen, missing.run), (None, vec![], None));
        let foreign = polled(texts(&["?", "3", "5", "cafe"]), vec![], Value::Nil);
        assert_eq!((foreign.log.head, foreign.seen), (None, b"?".to_vec()));
    }

    #[test]
    fn records_of_others_are_left_out() {
        let records = vec![
            record("1-0", &["n", "5", "p", "4", "r", "body"]),
            record("2-0", &["a", "5", "p", "4", "r", "body"]),
            record("3-1", &["n", "5", "p", "4", "r", "body"]),
            record("4-0", &["n", "x", "p", "4", "r", "body"]),
            record("5-0", &["n", "5"]),
            Value::Nil,
        ];
        let polled = polled(Value::Array(vec![Value::Nil; 4]), records, Value::Nil);
        assert_eq!(polled.log.records.iter().map(|record| record.id).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn a_full_answer_is_not_complete_whatever_is_in_it() {
        let records = vec![Value::Nil; MAX_RECORDS];
        assert!(!polled(Value::Array(vec![Value::Nil; 4]), records, Value::Nil).log.is_complete);
    }

    #[test]
    fn another_shape_is_an_error() {
        assert!(Polled::parse(Value::Okay).is_err());
        assert!(Polled::parse(texts(&["head"])).is_err());
    }
}
