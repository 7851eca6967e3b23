//! The map as a table, and as a graph.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Map, Through};

const COLUMNS: [&str; 4] = ["reads", "key", "removed by", "through"];

impl Map {
    /// The map as a table in Markdown, which terminals show as well: a row for each function that reads and each write
    /// that can remove what it reads, and one for each write that can remove nothing.
    ///
    /// ```
    /// println!("{}", cache_runtime::map().to_table());
    /// ```
    #[must_use]
    pub fn to_table(&self) -> String {
        let mut rows: Vec<[String; 4]> = Vec::new();
        let pairs = self.pairs();
        for (reader, entry) in self.readers() {
            let mut row = |removed_by: String, through: &[Through<'_>]| {
                let (reads, key) = (entry.to_string(), code(entry.key()));
                rows.push([reads, key, removed_by, listed(through)]);
            };
            let mut removals = pairs.range((reader, 0)..(reader + 1, 0)).peekable();
            if removals.peek().is_none() {
                row("its expiration alone".into(), &[]);
            }
            for (&(_, writer), through) in removals {
                row(self.entries[writer].to_string(), through);
            }
        }
        for (at, entry) in self.entries.iter().enumerate() {
            if entry.kind.writes() && self.links.iter().all(|link| link.writer != at) {
                let names: Vec<Through<'_>> = entry.names(entry).map(|(name, ..)| name).collect();
                rows.push([
                    "none".into(),
                    String::new(),
                    entry.to_string(),
                    listed(&names),
                ]);
            }
        }
        table(&rows)
    }

    /// The map as a graph in Mermaid, which GitHub, GitLab and most documentation tools draw: an arrow from each write to
    /// what it can remove. What reads is round, and what only writes has corners.
    ///
    /// ```
    /// println!("{}", cache_runtime::map().to_mermaid());
    /// ```
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let mut graph = String::from("flowchart LR\n");
        for (at, entry) in self.entries.iter().enumerate() {
            let name = escaped(&entry.to_string());
            let key = escaped(entry.key());
            let node = if entry.kind.reads() {
                format!("([\"{name}<br/>{key}\"])")
            } else {
                format!("[\"{name}\"]")
            };
            let _ = writeln!(graph, "    e{at}{node}");
        }
        for ((reader, writer), through) in self.pairs() {
            let labels = through.iter().map(|through| escaped(&through.to_string()));
            let labels = labels.collect::<Vec<_>>().join("<br/>");
            let _ = writeln!(graph, "    e{writer} -->|\"{labels}\"| e{reader}");
        }
        graph
    }

    /// What links each reader with each of its writers.
    fn pairs(&self) -> BTreeMap<(usize, usize), Vec<Through<'static>>> {
        let mut pairs = BTreeMap::new();
        for link in &self.links {
            let through: &mut Vec<_> = pairs.entry((link.reader, link.writer)).or_default();
            through.push(link.through);
        }
        pairs
    }
}

fn listed(names: &[Through<'_>]) -> String {
    let names = names
        .iter()
        .map(|name| format!("{} {}", name.kind, code(name.template)));
    names.collect::<Vec<_>>().join(", ")
}

/// A Markdown table whose columns stand below one another.
fn table(rows: &[[String; 4]]) -> String {
    let header = COLUMNS.map(str::to_owned);
    let width = |column: usize| {
        let all = std::iter::once(&header).chain(rows);
        all.map(|row| row[column].chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: [usize; 4] = std::array::from_fn(width);
    let mut table = String::new();
    let mut line = |row: &[String; 4]| {
        for (cell, &width) in row.iter().zip(&widths) {
            let _ = write!(table, "| {cell:width$} ");
        }
        table.push_str("|\n");
    };
    line(&header);
    line(&widths.map(|width| "-".repeat(width)));
    rows.iter().for_each(line);
    table
}

/// A template in a cell of a Markdown table.
fn code(template: &str) -> String {
    format!("`{}`", template.replace('|', "\\|"))
}

/// A text in quotes in Mermaid, where these characters have a meaning.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '"' | '#' | '%' | '&' | ';' | '<' | '>' | '\\' | '`' => {
                let _ = write!(escaped, "#{};", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}
