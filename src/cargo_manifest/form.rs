//! How a text is kept: byte order mark and line ends.

/// What is taken off a text and given back.
pub(crate) struct Form {
    mark: bool,
    carriage: bool,
}

const MARK: char = '\u{feff}';

impl Form {
    /// The text without its mark and with lines that end in `\n`.
    pub(crate) fn take(text: &str) -> (String, Self) {
        let plain = text.strip_prefix(MARK).unwrap_or(text);
        // Lines of both kinds stay as they are.
        let carriage = plain.contains("\r\n") && !plain.replace("\r\n", "").contains('\n');
        let form = Self { mark: plain.len() < text.len(), carriage };
        (if carriage { plain.replace("\r\n", "\n") } else { plain.to_owned() }, form)
    }

    /// A text in that form.
    pub(crate) fn give(&self, text: &str) -> String {
        let text = if self.carriage { text.replace('\n', "\r\n") } else { text.to_owned() };
        if self.mark { format!("{MARK}{text}") } else { text }
    }
}
