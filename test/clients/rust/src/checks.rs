//! What the programs share: their arguments, the records they put, and expectations that explain themselves.

use std::env;
use std::error::Error;
use std::fmt::Debug;
use std::fs;
use std::future::Future;
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, timeout_at};

/// Pause between two looks at something that changes state.
pub const PAUSE: Duration = Duration::from_millis(50);

/// Time for all checks together; it also bounds the loops that wait for a state.
const TIME_LIMIT: Duration = Duration::from_secs(55);

const TEN_MINUTES: f64 = 600.0;

pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// The endpoint and the name on the command line.
pub fn arguments() -> Outcome<(String, String)> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.as_slice() {
        [endpoint, name] => Ok((endpoint.clone(), name.clone())),
        [endpoint, name, transport] if transport == "default" => Ok((endpoint.clone(), name.clone())),
        _ => Err(format!("arguments: expected <endpoint> <name> [default], actual {arguments:?}").into()),
    }
}

/// The certificates to trust for `https`, in PEM: those of `CA_FILE`, or none.
pub fn trusted_certificates() -> Outcome<Vec<u8>> {
    let Ok(path) = env::var("CA_FILE") else { return Ok(Vec::new()) };
    fs::read(&path).map_err(|error| format!("CA_FILE: expected a file of certificates, actual {path}: {error}").into())
}

/// Says on stderr what went wrong, if anything did.
pub fn exit_code(outcome: Outcome<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs checks one after the other.
pub struct Checks {
    deadline: Instant,
}

impl Checks {
    pub fn start() -> Checks {
        Checks { deadline: Instant::now() + TIME_LIMIT }
    }

    /// Prints the check's name after it passed; a failure is told with the name.
    pub async fn run<T>(&self, name: &str, check: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        let outcome = match timeout_at(self.deadline, check).await {
            Ok(outcome) => outcome.map_err(|error| with_causes(error.as_ref())),
            Err(_) => Err(format!("expected all checks to pass within {TIME_LIMIT:?}, actual: this one is not done")),
        };
        let value = outcome.map_err(|failure| format!("{name}: {failure}"))?;
        println!("{name}");
        Ok(value)
    }
}

/// The message of an error and of what caused it: SDKs tell "dispatch failure" first and the reason only there.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut messages: Vec<String> =
        std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string).collect();
    messages.dedup();
    messages.join(": ")
}

pub fn expect(what: &str, holds: bool, expected: &str, actual: impl Debug) -> Outcome<()> {
    if holds { Ok(()) } else { Err(format!("{what}: expected {expected}, actual {actual:?}").into()) }
}

pub fn expect_equal<T: Debug + PartialEq>(what: &str, actual: T, expected: T) -> Outcome<()> {
    expect(what, actual == expected, &format!("{expected:?}"), actual)
}

/// A timestamp in seconds is close to now, so it is not in milliseconds.
pub fn expect_recent(what: &str, seconds: f64) -> Outcome<()> {
    let now = UNIX_EPOCH.elapsed()?.as_secs_f64();
    expect(what, (now - seconds).abs() < TEN_MINUTES, &format!("within 10 minutes of {now}"), seconds)
}

pub fn one_hour_ago() -> SystemTime {
    SystemTime::now() - Duration::from_secs(3600)
}

/// A record as it was read, in the words of neither SDK.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadRecord {
    pub key: String,
    pub data: Vec<u8>,
    pub sequence_number: String,
    pub arrived: f64,
}

/// Key and data of the record that is put alone: text that is not ASCII, and each byte there is.
pub fn single_record() -> (String, Vec<u8>) {
    ("clé-ключ-🔑".to_owned(), (0..=255).collect())
}

/// Keys and data of the records that are put together.
pub fn batch_records() -> Vec<(String, Vec<u8>)> {
    (0..500).map(|n| (format!("key-{n}"), format!("record {n}").into_bytes())).collect()
}

/// The records of all shards are the records that were put, each once.
pub fn expect_all_records<'a>(records: impl Iterator<Item = &'a ReadRecord>) -> Outcome<()> {
    let mut actual: Vec<_> = records.map(|record| (record.key.clone(), record.data.clone())).collect();
    let mut expected = batch_records();
    expected.push(single_record());
    actual.sort();
    expected.sort();
    expect_equal("number of records read", actual.len(), expected.len())?;
    actual.into_iter().zip(expected).try_for_each(|(actual, expected)| expect_equal("a record read", actual, expected))
}

/// The records of one shard arrived just now, with sequence numbers that strictly increase.
pub fn expect_in_order(records: &[ReadRecord]) -> Outcome<()> {
    for record in records {
        expect_digits("SequenceNumber of a record read", &record.sequence_number)?;
        expect_recent("ApproximateArrivalTimestamp", record.arrived)?;
    }
    for pair in records.windows(2) {
        let [before, after] = [&pair[0].sequence_number, &pair[1].sequence_number];
        let increases = magnitude(before) < magnitude(after);
        expect("SequenceNumber of the next record", increases, &format!("more than {before}"), after)?;
    }
    Ok(())
}

pub fn expect_digits(what: &str, text: &str) -> Outcome<()> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    expect(what, is_number, "decimal digits only", text)
}

/// Orders decimal numbers of any size: without leading zeros, the longer one is greater.
fn magnitude(number: &str) -> (usize, &str) {
    let digits = number.trim_start_matches('0');
    (digits.len(), digits)
}

/// The hash keys of a shard, from the decimal numbers in its description.
pub fn hash_keys(first: &str, last: &str) -> Outcome<RangeInclusive<u128>> {
    Ok(first.parse()?..=last.parse()?)
}

/// The hash key at which a split makes two halves.
pub fn middle(keys: &RangeInclusive<u128>) -> u128 {
    keys.start() + (keys.end() - keys.start()) / 2 + 1
}

/// Exactly two children, whose hash keys together are the parent's.
pub fn expect_halves(parent: RangeInclusive<u128>, mut children: Vec<RangeInclusive<u128>>) -> Outcome<()> {
    let middle = middle(&parent);
    let halves = vec![*parent.start()..=middle - 1, middle..=*parent.end()];
    children.sort_by_key(|keys| *keys.start());
    expect_equal("hash ranges of the children", children, halves)
}
