//! The cursor of a list whose entries have no ids.

use std::ops::Range;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use loquat_domain::{Scope, Timestamp, UserId, check_text};
use loquat_store::{UsageGroups, UsageKey, Whose};

use crate::error::ApiError;

/// So many bytes of a digest: no two cursors that anybody meets have the same.
const SEAL: usize = 16;

/// What a cursor of usage says: `from`, `until`, and the last row that was seen.
type Said = (i64, i64, Option<i64>, Option<String>, Option<String>, Option<String>);

/// Writes and reads the cursors of one list of usage.
///
/// A cursor is good for whoever was given it and for the same question. It is sealed against accident
/// and not against malice: what it says is looked up within the rows that its reader may see, so that
/// who makes one of his own learns nothing that he could not have asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UsageCursors {
    /// Who asks, and what.
    asked: Vec<u8>,
}

impl UsageCursors {
    /// Those of rows of this scope, put together like this, of a time of which the caller has said
    /// so much.
    pub(crate) fn new(
        scope: &Scope,
        whose: &Whose,
        groups: UsageGroups,
        said: (Option<i64>, Option<i64>),
    ) -> Self {
        let Scope { tenant, user } = scope;
        let whose = match whose {
            Whose::Own => (false, None),
            Whose::User(user) => (true, Some(user.as_str())),
            Whose::Tenant => (true, None),
        };
        let UsageGroups { day, model, user: by_user, conversation } = groups;
        let groups = (day, model, by_user, conversation);
        let asked = ("usage", tenant.as_str(), user.as_str(), whose, groups, said);
        // Texts and numbers always have a JSON form, and no two lists have the same.
        Self { asked: serde_json::to_vec(&asked).unwrap_or_default() }
    }

    /// The cursor behind a row, of a list about this time.
    pub(crate) fn write(&self, period: &Range<Timestamp>, row: &UsageKey) -> String {
        let said: Said = (
            period.start.as_micros(),
            period.end.as_micros(),
            row.day,
            row.model.clone(),
            row.user.as_ref().map(ToString::to_string),
            row.conversation.map(|id| id.to_string()),
        );
        let said = serde_json::to_vec(&said).unwrap_or_default();
        let mut bytes = self.seal(&said);
        bytes.extend_from_slice(&said);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a cursor of this list says: the time that it is about, and the last row that was seen.
    ///
    /// # Errors
    ///
    /// A 400 for a text that is none.
    pub(crate) fn read(&self, text: &str) -> Result<(Range<Timestamp>, UsageKey), ApiError> {
        self.understand(text).ok_or_else(ApiError::invalid_cursor)
    }

    fn understand(&self, text: &str) -> Option<(Range<Timestamp>, UsageKey)> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (seal, said) = bytes.split_at_checked(SEAL)?;
        if seal != self.seal(said) {
            return None;
        }
        let (from, until, day, model, user, conversation): Said =
            serde_json::from_slice(said).ok()?;
        let row = UsageKey {
            day,
            model: model.map(|name| check_text(&name).map(|()| name)).transpose().ok()?,
            user: user.map(|name| UserId::new(&name)).transpose().ok()?,
            conversation: conversation.map(|id| id.parse()).transpose().ok()?,
        };
        Some((Timestamp::from_micros(from)..Timestamp::from_micros(until), row))
    }

    fn seal(&self, said: &[u8]) -> Vec<u8> {
        // A JSON text ends where it ends, so that no two pairs run together to the same bytes.
        let sealed = digest(&SHA256, &[&self.asked, said].concat());
        sealed.as_ref().iter().copied().take(SEAL).collect()
    }
}

#[cfg(test)]
mod tests {
    use loquat_domain::{ConversationId, TenantId};

    use super::*;

    fn scope(tenant: &str, user: &str) -> Scope {
        Scope { tenant: TenantId::new(tenant).unwrap(), user: UserId::new(user).unwrap() }
    }

    fn by_day() -> UsageGroups {
        UsageGroups { day: true, ..UsageGroups::default() }
    }

    fn period() -> Range<Timestamp> {
        Timestamp::from_micros(5)..Timestamp::from_micros(9)
    }

    fn row() -> UsageKey {
        UsageKey {
            day: Some(-3),
            model: Some("a\"b".to_owned()),
            user: Some(UserId::new("bert").unwrap()),
            conversation: Some(ConversationId::from_uuid(uuid::Uuid::from_u128(7))),
        }
    }

    #[test]
    fn a_cursor_says_what_was_written() {
        let cursors =
            UsageCursors::new(&scope("acme", "anna"), &Whose::Own, by_day(), (None, None));
        for row in [row(), UsageKey::default()] {
            let text = cursors.write(&period(), &row);
            assert_eq!(cursors.read(&text), Ok((period(), row)), "{text}");
        }
    }

    #[test]
    fn a_cursor_is_good_for_nobody_else_and_for_no_other_question() {
        let anna = scope("acme", "anna");
        let bert = Whose::User(UserId::new("bert").unwrap());
        let cursors = UsageCursors::new(&anna, &Whose::Own, by_day(), (None, None));
        let text = cursors.write(&period(), &row());
        let by_model = UsageGroups { model: true, ..by_day() };
        for other in [
            UsageCursors::new(&scope("other", "anna"), &Whose::Own, by_day(), (None, None)),
            UsageCursors::new(&scope("acme", "bert"), &Whose::Own, by_day(), (None, None)),
            UsageCursors::new(&anna, &Whose::Tenant, by_day(), (None, None)),
            UsageCursors::new(&anna, &bert, by_day(), (None, None)),
            UsageCursors::new(&anna, &Whose::Own, by_model, (None, None)),
            UsageCursors::new(&anna, &Whose::Own, by_day(), (Some(0), None)),
            UsageCursors::new(&anna, &Whose::Own, by_day(), (None, Some(0))),
        ] {
            assert_eq!(other.read(&text), Err(ApiError::invalid_cursor()), "{other:?}");
        }
    }

    #[test]
    fn a_cursor_that_somebody_else_made_up_has_names_that_can_be_stored() {
        let cursors =
            UsageCursors::new(&scope("acme", "anna"), &Whose::Own, by_day(), (None, None));
        let text = cursors.write(&period(), &UsageKey { model: Some("a\0b".to_owned()), ..row() });
        assert_eq!(cursors.read(&text), Err(ApiError::invalid_cursor()));
    }

    #[test]
    fn a_cursor_in_which_anything_is_changed_is_none() {
        let cursors =
            UsageCursors::new(&scope("acme", "anna"), &Whose::Own, by_day(), (None, None));
        let text = cursors.write(&period(), &row());
        for at in 0..text.len() {
            for other in ["A", "B", "_", "=", "", "%"] {
                let mut changed = text.clone();
                changed.replace_range(at..=at, other);
                if changed != text {
                    assert_eq!(
                        cursors.read(&changed),
                        Err(ApiError::invalid_cursor()),
                        "{changed}"
                    );
                }
            }
        }
        for junk in
            ["", "x", "' OR 1=1", text.get(..20).unwrap(), &format!("{text}A"), &format!(" {text}")]
        {
            assert_eq!(cursors.read(junk), Err(ApiError::invalid_cursor()), "{junk}");
        }
    }
}
