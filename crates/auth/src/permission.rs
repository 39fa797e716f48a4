//! What the program itself asks permission for.

use std::{fmt, str::FromStr};

/// Something that a token may do beside chatting, which every token may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// To see what the tenant's use costs.
    UsageRead,
    /// To change what the tenant and its users may use.
    LimitsWrite,
    /// To take access away and to give it back.
    AccessWrite,
    /// To read who did what of the above.
    AuditRead,
    /// To see how the providers of models are doing.
    ProvidersRead,
}

impl Permission {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::UsageRead,
        Self::LimitsWrite,
        Self::AccessWrite,
        Self::AuditRead,
        Self::ProvidersRead,
    ];

    /// Its word in a token of our own.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UsageRead => "usage:read",
            Self::LimitsWrite => "limits:write",
            Self::AccessWrite => "access:write",
            Self::AuditRead => "audit:read",
            Self::ProvidersRead => "providers:read",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no such permission: name some of usage:read, limits:write, access:write, audit:read, \
     providers:read"
)]
pub struct UnknownPermission;

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(word: &str) -> Result<Self, UnknownPermission> {
        Self::ALL.into_iter().find(|it| it.as_str() == word).ok_or(UnknownPermission)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_every_permission() {
        let text = UnknownPermission.to_string();
        for permission in Permission::ALL {
            assert!(text.contains(permission.as_str()), "{permission}");
            assert_eq!(permission.as_str().parse(), Ok(permission));
        }
    }
}
