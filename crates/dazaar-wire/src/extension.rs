//! Extensions: messages that only some peers understand, found by name.
//!
//! Grade: plain. A sender numbers its own sorted names and announces them with `Options`; a number means the name
//! that the sender last announced at that place. The two sides' lists need not be alike.
//! Source: classic protocol, section 4.7.

/// The extensions of this side.
#[derive(Debug, Default)]
pub(crate) struct LocalExtensions {
    names: Vec<String>,
    /// Whether the remote knows the present names.
    announced: bool,
}

impl LocalExtensions {
    /// Replaces the names; `true` if they have changed.
    pub(crate) fn set<N: Into<String>>(&mut self, names: impl IntoIterator<Item = N>) -> bool {
        let mut names: Vec<String> = names.into_iter().map(Into::into).collect();
        // The order of JavaScript strings, by which peers look numbers up.
        names.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
        names.dedup();
        let changed = names != self.names;
        if changed {
            *self = Self { names, announced: false };
        }
        changed
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of a name.
    pub(crate) fn id(&self, name: &str) -> Option<u64> {
        self.names.iter().position(|own| own == name).map(|place| place as u64)
    }

    /// The names, if the remote has to be told before the next message; it is then taken as told.
    pub(crate) fn announce(&mut self) -> Option<&[String]> {
        if std::mem::replace(&mut self.announced, true) { None } else { Some(&self.names) }
    }
}

/// The names that the remote announced last.
#[derive(Debug, Default)]
pub(crate) struct RemoteExtensions {
    names: Vec<String>,
}

impl RemoteExtensions {
    pub(crate) fn set(&mut self, names: Vec<String>) {
        self.names = names;
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The name at a number, if this side knows it too.
    pub(crate) fn shared(&self, id: u64, local: &LocalExtensions) -> Option<&str> {
        let name = self.names.get(usize::try_from(id).ok()?)?;
        local.id(name).map(|_| name.as_str())
    }
}
