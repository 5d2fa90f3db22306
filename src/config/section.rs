//! How a section is written down once: its fields, their meaning, their defaults, and the example file's text.

use std::fmt::Write as _;

/// One key of a section, for the example file.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// What it means, one line each.
    pub about: &'static [&'static str],
    /// Its value in TOML; with a `#` before it when the example leaves it out.
    pub example: &'static str,
}

/// One section of the example file.
#[derive(Debug, Clone, Copy)]
pub struct Described {
    /// The table's name.
    pub table: &'static str,
    /// What it is for, one line each.
    pub about: &'static [&'static str],
    /// Its keys.
    pub keys: &'static [Key],
}

/// Writes a struct with its defaults, and its description for the example file.
///
/// A field is `name: Type = default, "example";`. An example that begins with `#` is written as a comment.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident in $table:literal {
            $($(#[doc = $doc:literal])+ $field:ident: $kind:ty = $default:expr, $example:literal;)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $field: $kind,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl $name {
            /// The section as the example file shows it.
            pub const DESCRIBED: $crate::config::section::Described = $crate::config::section::Described {
                table: $table,
                about: &[$($about),+],
                keys: &[$($crate::config::section::Key {
                    name: stringify!($field),
                    about: &[$($doc),+],
                    example: $example,
                }),+],
            };
        }
    };
}

pub(crate) use section;

impl Described {
    /// Adds the section to the example file.
    pub fn write(&self, text: &mut String) {
        text.push('\n');
        for line in self.about {
            let _ = writeln!(text, "#{line}");
        }
        let _ = writeln!(text, "[{}]", self.table);
        for key in self.keys {
            for line in key.about {
                let _ = writeln!(text, "#{line}");
            }
            let _ = match key.example.strip_prefix('#') {
                Some(example) => writeln!(text, "# {} = {}", key.name, example.trim()),
                None => writeln!(text, "{} = {}", key.name, key.example),
            };
        }
    }
}
