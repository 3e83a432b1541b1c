//! The end of a response.

use super::Kept::Checked;
use super::Severity::{Error, Warning};
use super::rules;

rules! {
    Ends;

    /// A body is closed, whatever the end is: completed, client gone, failed.
    CALLED = 56, "close-called", Host, Checked(Error);

    /// A body is closed once; closing gives it up.
    ONCE = 62, "close-once", Host, Checked(Error);

    /// A body is told that it was completed only if it was asked until its end or gave as many
    /// bytes as it declared; and whenever the response needs none.
    OUTCOME = 92, "close-outcome", Host, Checked(Warning);
}
