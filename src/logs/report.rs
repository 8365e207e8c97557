//! The line in which Lambda reports an invocation.

/// A field of the first line (`Duration`, `Max Memory Used`): its value with its unit.
#[must_use]
pub fn field<'r>(report: &'r str, name: &str) -> Option<&'r str> {
    let mut fields = report.lines().next()?.split('\t');
    fields.find_map(|field| field.trim().strip_prefix(name)?.strip_prefix(": "))
}
