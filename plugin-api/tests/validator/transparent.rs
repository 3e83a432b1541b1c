//! Nothing that passes is changed: not by one validator, and not by two.

use crate::mutants::{Mutant, mutants};
use crate::stack::alone;

/// Status, reason, fields, every block by itself, failures: also where rules are broken.
#[test]
fn answers_are_the_same_with_and_without_it() {
    let _alone = alone();
    let mut compared = 0;
    for (rule, mutant) in mutants() {
        if matches!(mutant, Mutant::Use(..)) || rule == "body-trailers-last" {
            continue;
        }
        let [none, one, two] = [&[][..], &[""], &["", ""]].map(|stack| mutant.tried(stack).done);
        assert_eq!(none, one, "{rule}");
        assert_eq!(none, two, "{rule}");
        compared += 1;
    }
    assert!(compared > 50, "{compared}");
}
