//! A page of documentation, as far as its links, its code and its headings go.

/// A link, or a reference's definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// What is shown.
    pub(crate) text: String,
    /// Where it leads.
    pub(crate) target: String,
}

/// What stands behind the fence of a block that is run by a test.
const SCRIPT: &str = "sh run";

/// One page.
#[derive(Debug)]
pub(crate) struct Page {
    /// Lines of fenced shell blocks.
    shell: Vec<String>,
    /// Those of blocks that say `sh run`.
    script: String,
    /// All that is outside of fences.
    prose: String,
}

impl Page {
    /// Reads Markdown.
    pub(crate) fn new(text: &str) -> Self {
        let mut page = Self { shell: Vec::new(), script: String::new(), prose: String::new() };
        let mut fence: Option<&str> = None;
        for line in text.lines() {
            match (fence, line.trim().strip_prefix("```")) {
                (None, Some(language)) => fence = Some(language),
                (Some(_), Some(_)) => fence = None,
                (Some(SCRIPT), None) => {
                    page.shell.push(line.to_owned());
                    page.script += line;
                    page.script.push('\n');
                }
                (Some("sh"), None) => page.shell.push(line.to_owned()),
                (Some(_), None) => {}
                (None, None) => {
                    page.prose.push_str(line);
                    page.prose.push('\n');
                }
            }
        }
        page
    }

    /// Code in the text and lines of shell blocks, one command each.
    pub(crate) fn code(&self) -> Vec<String> {
        let spans = self.prose.split('`').skip(1).step_by(2).map(|span| span.replace('\n', " "));
        spans.chain(self.shell.iter().cloned()).collect()
    }

    /// All blocks that are to be run, one behind the other; empty where there are none.
    pub(crate) fn script(&self) -> &str {
        &self.script
    }

    /// Links, drawings and definitions of references.
    pub(crate) fn links(&self) -> Vec<Link> {
        let inline = self.prose.match_indices("](").filter_map(|(at, _)| {
            let text = &self.prose[self.prose[..at].rfind('[')? + 1..at];
            let (target, _) = self.prose[at + 2..].split_once(')')?;
            Some(Link { text: text.to_owned(), target: target.to_owned() })
        });
        let defined = self.prose.lines().filter_map(definition);
        inline.chain(defined).collect()
    }

    /// Code in brackets that is meant as a reference, but is defined nowhere.
    pub(crate) fn undefined_references(&self) -> Vec<String> {
        let defined: Vec<String> = self.prose.lines().filter_map(definition).map(|link| link.text).collect();
        let used = self.prose.match_indices("[`").filter_map(|(at, _)| {
            let (text, rest) = self.prose[at + 1..].split_once(']')?;
            (!rest.starts_with('(')).then(|| text.to_owned())
        });
        used.filter(|text| !defined.contains(text)).collect()
    }

    /// What follows `#` in links to its headings.
    pub(crate) fn anchors(&self) -> Vec<String> {
        self.prose.lines().filter(|line| line.starts_with('#')).map(anchor).collect()
    }
}

fn definition(line: &str) -> Option<Link> {
    let (text, target) = line.strip_prefix('[')?.split_once("]: ")?;
    Some(Link { text: text.to_owned(), target: target.trim().to_owned() })
}

/// As the usual hosts of Markdown make it.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

const PAGE: &str = "\
# The first: `a_b` and one
See `quintet lab
problem`, [there](x.md#y), ![a picture](img/z.svg), [`known`] and [`unknown`].
```sh
quintet serve   # try it
```
```text
quintet (no command)
```
[`known`]: k.scn
";

#[test]
fn code_is_found_in_text_and_shell_blocks_alone() {
    let code = Page::new(PAGE).code();
    assert!(code.contains(&"quintet lab problem".to_owned()), "{code:?}");
    assert!(code.contains(&"quintet serve   # try it".to_owned()), "{code:?}");
    assert!(!code.iter().any(|line| line.contains("no command")), "{code:?}");
}

#[test]
fn links_drawings_and_references_are_found() {
    let links = Page::new(PAGE).links();
    let targets: Vec<&str> = links.iter().map(|link| link.target.as_str()).collect();
    assert_eq!(targets, ["x.md#y", "img/z.svg", "k.scn"]);
    assert_eq!(links[0].text, "there");
    assert_eq!(Page::new(PAGE).undefined_references(), ["`unknown`"]);
}

#[test]
fn headings_are_anchors() {
    assert_eq!(Page::new(PAGE).anchors(), ["the-first-a_b-and-one"]);
}
