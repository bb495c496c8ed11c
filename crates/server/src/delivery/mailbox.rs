//! The mailbox of a development server: messages are kept in memory instead of being sent.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use nightlatch_flows::{
    Clock,
    courier::{Courier, Mail, Undelivered},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

/// Messages kept; older ones are dropped.
const CAPACITY: usize = 1_000;

/// A message, as people and tests see it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Message {
    /// Names the message.
    pub id: String,
    /// How it would have travelled.
    pub channel: Channel,
    /// The address.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The whole text.
    pub text: String,
    /// The code in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The link in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// When it was delivered (RFC 3339).
    pub created_at: String,
}

/// How a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// E-mail.
    Email,
}

/// Which messages are asked for; without a member, all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// To this address, in whatever case.
    pub to: Option<String>,
    /// By this channel.
    pub channel: Option<Channel>,
}

impl Filter {
    fn takes(&self, message: &Message) -> bool {
        self.to.as_ref().is_none_or(|to| to.eq_ignore_ascii_case(&message.to))
            && self.channel.is_none_or(|channel| channel == message.channel)
    }
}

/// The latest messages.
pub struct Mailbox {
    clock: Arc<dyn Clock>,
    kept: Mutex<Kept>,
    arrived: Notify,
}

/// Newest last.
#[derive(Default)]
struct Kept {
    messages: VecDeque<Message>,
    counted: u64,
}

impl Mailbox {
    /// An empty mailbox; `clock` stamps what arrives.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, kept: Mutex::default(), arrived: Notify::new() }
    }

    /// Keeps `mail`.
    pub fn push(&self, mail: &Mail) {
        let now = jiff::Timestamp::from_millisecond(self.clock.now().millis()).unwrap_or_default();
        let mut kept = self.kept();
        kept.counted += 1;
        let message = Message {
            id: format!("msg_{}", kept.counted),
            channel: Channel::Email,
            to: mail.to.clone(),
            subject: mail.subject.clone(),
            text: mail.text.expose().to_owned(),
            code: mail.code.as_ref().map(|code| code.expose().to_owned()),
            link: mail.link.as_ref().map(|link| link.expose().to_owned()),
            created_at: now.to_string(),
        };
        if kept.messages.len() == CAPACITY {
            kept.messages.pop_front();
        }
        kept.messages.push_back(message);
        drop(kept);
        self.arrived.notify_waiters();
    }

    /// The messages that `filter` takes, newest first.
    #[must_use]
    pub fn list(&self, filter: &Filter) -> Vec<Message> {
        let kept = self.kept();
        kept.messages.iter().rev().filter(|message| filter.takes(message)).cloned().collect()
    }

    /// The same, waiting up to `patience` for the first one.
    pub async fn wait(&self, filter: &Filter, patience: Duration) -> Vec<Message> {
        let deadline = Instant::now() + patience;
        loop {
            let mut arrival = pin!(self.arrived.notified());
            // Listening starts before looking, so that nothing arrives in between unseen.
            arrival.as_mut().enable();
            let found = self.list(filter);
            if !found.is_empty() || timeout_at(deadline, arrival).await.is_err() {
                return found;
            }
        }
    }

    /// Throws all messages away.
    pub fn clear(&self) {
        self.kept().messages.clear();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mailbox({} messages)", self.kept().messages.len())
    }
}

impl Courier for Mailbox {
    fn deliver<'a>(
        &'a self,
        mail: Mail,
    ) -> Pin<Box<dyn Future<Output = Result<(), Undelivered>> + Send + 'a>> {
        self.push(&mail);
        Box::pin(async { Ok(()) })
    }
}

#[cfg(test)]
mod tests {
    use nightlatch_core::{SecretText, Timestamp};

    use super::*;

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            Timestamp::from_seconds(12 * 3_600)
        }
    }

    fn mailbox() -> Mailbox {
        Mailbox::new(Arc::new(Noon))
    }

    fn mail(to: &str, code: &str) -> Mail {
        Mail {
            to: to.into(),
            subject: "Your code".into(),
            text: SecretText::new(format!("Your code is {code}.")),
            code: Some(SecretText::new(code.into())),
            link: None,
        }
    }

    fn to(address: &str) -> Filter {
        Filter { to: Some(address.into()), channel: Some(Channel::Email) }
    }

    #[test]
    fn messages_are_listed_newest_first_and_by_address() {
        let mailbox = mailbox();
        for (address, code) in [("a@x.test", "1"), ("b@x.test", "2"), ("a@x.test", "3")] {
            mailbox.push(&mail(address, code));
        }
        let codes = |filter: &Filter| -> Vec<_> {
            mailbox.list(filter).into_iter().filter_map(|message| message.code).collect()
        };
        assert_eq!(codes(&Filter::default()), ["3", "2", "1"]);
        assert_eq!(codes(&to("A@x.test")), ["3", "1"]);
        assert_eq!(mailbox.list(&to("b@x.test"))[0].created_at, "1970-01-01T12:00:00Z");
        mailbox.clear();
        assert!(codes(&Filter::default()).is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let mailbox = mailbox();
        for number in 0..=CAPACITY {
            mailbox.push(&mail("a@x.test", &number.to_string()));
        }
        let kept = mailbox.list(&Filter::default());
        assert_eq!(kept.len(), CAPACITY);
        assert_eq!(kept.last().unwrap().code.as_deref(), Some("1"));
        assert_eq!(kept[0].id, "msg_1001");
    }

    #[tokio::test]
    async fn waiting_ends_with_the_first_message_that_fits() {
        let mailbox = Arc::new(mailbox());
        let waiting = tokio::spawn({
            let mailbox = Arc::clone(&mailbox);
            async move { mailbox.wait(&to("b@x.test"), Duration::from_mins(1)).await }
        });
        tokio::task::yield_now().await;
        mailbox.push(&mail("a@x.test", "1"));
        tokio::task::yield_now().await;
        mailbox.push(&mail("b@x.test", "2"));
        assert_eq!(waiting.await.unwrap()[0].code.as_deref(), Some("2"));
        assert!(mailbox.wait(&to("c@x.test"), Duration::ZERO).await.is_empty());
    }
}
