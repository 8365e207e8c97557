//! Rows in columns.

use super::clean;

/// Which end of a cell stays when it is shortened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The beginning.
    Start,
    /// The end.
    End,
}

/// Rows under a header, in columns. Only spaces and letters: it reads the same piped.
#[derive(Debug)]
pub struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table of rows that have as many cells as the header.
    #[must_use]
    pub fn new(header: &[&'static str], rows: Vec<Vec<String>>) -> Self {
        let clean_row = |row: Vec<String>| row.iter().map(|cell| clean(cell)).collect();
        Self { header: header.to_vec(), rows: rows.into_iter().map(clean_row).collect() }
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        let widths = cells.map(|cell| cell.chars().count());
        widths.chain(self.header.get(column).map(|cell| cell.chars().count())).max().unwrap_or(0)
    }

    /// The width of its lines, in columns.
    #[must_use]
    pub fn total_width(&self) -> usize {
        (0..self.header.len()).map(|column| self.width(column) + 2).sum::<usize>().saturating_sub(2)
    }

    /// Shortens the cells of one column, to `least` characters at the least, until the table is no
    /// wider than `width`.
    #[must_use]
    pub fn fit(mut self, width: Option<usize>, column: usize, least: usize, keep: Keep) -> Self {
        let total = self.total_width();
        let Some(over) = width.and_then(|width| total.checked_sub(width)) else { return self };
        let room = self.width(column).saturating_sub(over).max(least);
        for cell in self.rows.iter_mut().filter_map(|row| row.get_mut(column)) {
            let length = cell.chars().count();
            if length > room {
                let kept = room.saturating_sub(1);
                *cell = match keep {
                    Keep::Start => cell.chars().take(kept).chain(['…']).collect(),
                    Keep::End => {
                        ['…'].into_iter().chain(cell.chars().skip(length - kept)).collect()
                    }
                };
            }
        }
        self
    }

    /// The lines; the columns named in `right` are aligned to the right.
    #[must_use]
    pub fn lines(&self, right: &[usize]) -> Vec<String> {
        let widths: Vec<usize> = (0..self.header.len()).map(|column| self.width(column)).collect();
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let padded = cells.zip(&widths).enumerate().map(|(column, (cell, &width))| {
                if right.contains(&column) {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:<width$}")
                }
            });
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        std::iter::once(line(&mut self.header.iter().copied()))
            .chain(self.rows.iter().map(|row| line(&mut row.iter().map(String::as_str))))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_line_up() {
        let rows = vec![vec!["größe".to_owned(), "1".to_owned()], vec!["b".into(), "22".into()]];
        let table = Table::new(&["NAME", "N"], rows);
        assert_eq!(table.lines(&[1]), ["NAME    N", "größe   1", "b      22"]);
    }

    #[test]
    fn tables_fit_a_terminal() {
        let table = |keep| {
            let rows = vec![vec!["/a/long/path.zip".to_owned(), "ok".to_owned()]];
            Table::new(&["PATH", "RESULT"], rows).fit(Some(18), 0, 4, keep).lines(&[])
        };
        assert_eq!(table(Keep::End), ["PATH        RESULT", "…/path.zip  ok"]);
        assert_eq!(table(Keep::Start), ["PATH        RESULT", "/a/long/p…  ok"]);
    }

    #[test]
    fn foreign_text_steers_no_terminal() {
        assert_eq!(clean("a\x1b[31m\nok: ü"), "a\\u{1b}[31m\\nok: ü");
    }
}
