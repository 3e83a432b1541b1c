//! What crosses between an application and the layer: a wish there, and a value back. Both are
//! JSON, so that an application in any language can say the one and read the other.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `{"get":"name"}`, `{"set":["name","Ada"]}`, `{"remove":"name"}`, `"token"`, `"regenerate"`,
/// `"destroy"`. Answered by the value, by the token, and else by `null`; a field that is not there
/// is `null` too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Wish {
    Get(String),
    Set(String, Value),
    Remove(String),
    Token,
    Regenerate,
    Destroy,
}
