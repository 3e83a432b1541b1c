//! A Rust text without its comments and literals, so that a rule about code does not trip over
//! words. Lines and columns stay where they are.

/// `text` with every comment, string and character replaced by blanks.
pub(super) fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let length = blank_length(&chars, at);
        let end = at + length.max(1);
        for &one in &chars[at..end] {
            code.push(if length == 0 || one == '\n' { one } else { ' ' });
        }
        at = end;
    }
    code
}

/// The words of `code`, each with its byte offset.
pub(super) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + code[rest..].find(is_word)?;
        let end = code[start..].find(|one| !is_word(one)).map_or(code.len(), |end| start + end);
        rest = end;
        Some((start, &code[start..end]))
    })
}

/// The line number of a byte offset.
pub(super) fn line_of(code: &str, offset: usize) -> usize {
    code[..offset].matches('\n').count() + 1
}

pub(super) fn is_word(one: char) -> bool {
    one.is_alphanumeric() || one == '_'
}

/// How many characters from `at` on are a comment or a literal, 0 if code stands there.
fn blank_length(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    let in_word = at > 0 && is_word(chars[at - 1]);
    match rest {
        ['/', '/', ..] => rest.iter().position(|&one| one == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => block_comment(rest),
        ['"', ..] => quoted(rest, '"'),
        ['r' | 'b' | 'c', ..] if !in_word => prefixed(rest),
        ['\'', '\\', ..] => quoted(rest, '\''),
        // Otherwise a lifetime.
        ['\'', _, '\'', ..] => 3,
        _ => 0,
    }
}

/// Block comments nest.
fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            ['/', '*', ..] => {
                depth += 1;
                at += 2;
            }
            ['*', '/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    at
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            one if one == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// `r"..."`, `r#"..."#`, `b"..."`, `b'.'`, `br"..."`, `c"..."`, or a word that begins like one.
fn prefixed(rest: &[char]) -> usize {
    let letters = rest.iter().take(2).take_while(|one| "rbc".contains(**one)).count();
    let raw = rest[..letters].contains(&'r');
    let hashes = rest[letters..].iter().take_while(|&&one| one == '#').count();
    match rest.get(letters + hashes) {
        Some('"') if raw => {
            let close: Vec<char> = std::iter::once('"').chain(vec!['#'; hashes]).collect();
            let start = letters + hashes + 1;
            let end = rest[start..].windows(close.len()).position(|part| part == close);
            end.map_or(rest.len(), |end| start + end + close.len())
        }
        Some('"') if hashes == 0 => letters + quoted(&rest[letters..], '"'),
        Some('\'') if hashes == 0 && rest[0] == 'b' => letters + quoted(&rest[letters..], '\''),
        _ => 0,
    }
}

#[test]
fn comments_and_literals_are_blanked() {
    for (text, code) in [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d */ e", "a                   e"),
        (r#"a("b \" c", d)"#, "a(        , d)"),
        (r###"a(r#"b " c"#, d)"###, "a(          , d)"),
        ("a('b', b'c', '\\'', d)", "a(   ,     ,     , d)"),
        ("a(br\"\\\", c\"e\", for_r)", "a(     ,     , for_r)"),
        ("fn f<'a>(x: &'a str, r#type: u8)", "fn f<'a>(x: &'a str, r#type: u8)"),
        ("\"two\nlines\" x", "    \n       x"),
        ("unended \"text", "unended      "),
    ] {
        assert_eq!(code_only(text), code, "{text}");
    }
}

#[test]
fn words_have_places() {
    assert_eq!(words("a::b_1(c)\n").collect::<Vec<_>>(), [(0, "a"), (3, "b_1"), (7, "c")]);
    assert_eq!((line_of("a\nb", 1), line_of("a\nb", 2)), (1, 2));
}
