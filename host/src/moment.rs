//! A point in time as people and other programs read it: RFC 3339, in UTC, to the millisecond.
//!
//! Calendar dates are computed here because that is forty lines, and a crate that knows time zones
//! is more than the rest of the control socket.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Milliseconds since 1970, leap seconds not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

/// A text that is no RFC 3339 time in UTC.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("not a time of the form 2026-01-31T12:00:00.000Z")]
pub(crate) struct NotAMoment;

impl Moment {
    /// The system clock's time.
    pub(crate) fn now() -> Self {
        Self::of(SystemTime::now())
    }

    pub(crate) fn of(time: SystemTime) -> Self {
        // A clock before 1970 is not set.
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// How long ago it was; none when the clock was set back since.
    pub(crate) fn age(self, now: Self) -> Duration {
        Duration::from_millis(now.0.saturating_sub(self.0))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, milliseconds) = (self.0 / 1_000, self.0 % 1_000);
        let (year, month, day) = date(seconds / 86_400);
        let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T")?;
        write!(f, "{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
    }
}

impl FromStr for Moment {
    type Err = NotAMoment;

    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        let text = text.strip_suffix('Z').ok_or(NotAMoment)?;
        let (date, time) = text.split_once('T').ok_or(NotAMoment)?;
        let [year, month, day] = numbers(date, '-')?;
        let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
        let [hour, minute, second] = numbers(time, ':')?;
        let fine = (1970..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour < 24
            && minute < 60
            && second <= 60;
        if !fine || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotAMoment);
        }
        let milliseconds: u64 =
            format!("{fraction:0<3.3}").parse().map_err(|_: std::num::ParseIntError| NotAMoment)?;
        let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
        Ok(Self(seconds * 1_000 + milliseconds))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

fn numbers(text: &str, separator: char) -> Result<[u64; 3], NotAMoment> {
    let numbers: Option<Vec<u64>> = text.split(separator).map(|part| part.parse().ok()).collect();
    numbers.and_then(|numbers| numbers.try_into().ok()).ok_or(NotAMoment)
}

/// Year, month and day of a day since 1970. The year begins in March here, so that a leap day is
/// its last; 400 years are 146,097 days, and 1 March 0000 lies 719,468 days before 1970.
const fn date(day: u64) -> (u64, u64, u64) {
    let day = day + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

/// The reverse of [`date`].
const fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = if month > 2 { month - 3 } else { month + 9 };
    let (era, year) = (year / 400, year % 400);
    let day = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + 365 * year + year / 4 - year / 100 + day - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        for (milliseconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (1_709_251_200_250, "2024-03-01T00:00:00.250Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(Moment(milliseconds).to_string(), text);
            assert_eq!(text.parse::<Moment>().unwrap(), Moment(milliseconds));
        }
        assert_eq!("1970-01-01T00:00:01Z".parse::<Moment>().unwrap(), Moment(1_000));
        assert_eq!("1970-01-01T00:00:00.5Z".parse::<Moment>().unwrap(), Moment(500));
    }

    #[test]
    fn every_day_of_four_centuries_is_its_own() {
        for day in 0..146_097 {
            let (year, month, of_month) = date(day);
            assert_eq!(days(year, month, of_month), day, "{year}-{month}-{of_month}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for wrong in ["", "Z", "2024-01-01", "2024-13-01T00:00:00Z", "2024-01-01T00:00:00+01:00"] {
            assert!(wrong.parse::<Moment>().is_err(), "{wrong} was taken");
        }
    }
}
