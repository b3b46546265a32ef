//! The engine's own error, kept behind the port's.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// The error an engine gave. It is shown in logs with all its causes and never sent to a caller.
#[derive(Clone, Debug)]
pub struct Source(Arc<dyn Error + Send + Sync>);

impl Source {
    /// Keeps an engine's error.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Source {
        Source(error.into().into())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl Error for Source {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_chain_is_shown() {
        let broken = std::io::Error::other(std::io::Error::other("the disk is full"));
        assert_eq!(Source::new(broken).to_string(), "the disk is full");
        let chain = Source::new(Source::new("no connection"));
        assert_eq!(chain.to_string(), "no connection");
    }
}
