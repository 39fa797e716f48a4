//! One client: it asks, and reads, leaves or stalls.

use std::{sync::Arc, time::Duration};

use anyhow::bail;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{
    connection::{Connection, Unanswered, beginning},
    decode::Decoder,
    meters::{Meters, Moments},
    options::{Behaviour, Leave, Plan},
    report::Left,
    request::tag,
    scan::Arrived,
};
use crate::{clock::epoch_micros, http1::Body};

/// Pause after a request that failed, so that a server which is down is not asked in a loop.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Runs a client until no more is wanted of it.
pub(super) async fn run(plan: Arc<Plan>, meters: Arc<Meters>, index: usize, request: Vec<u8>) {
    let place = u32::try_from(index).unwrap_or(u32::MAX);
    sleep(plan.ramp.saturating_mul(place) / plan.clients).await;
    let mut client = Client { plan: &plan, meters: &meters, index, request, connection: None };
    if plan.behaviour != Behaviour::Read {
        client.once().await;
        return;
    }
    while meters.wants_more() {
        client.once().await;
    }
}

struct Client<'a> {
    plan: &'a Plan,
    meters: &'a Meters,
    index: usize,
    request: Vec<u8>,
    connection: Option<Connection>,
}

impl Client<'_> {
    /// One request, whatever becomes of it.
    async fn once(&mut self) {
        let limit = self.plan.timeout;
        let outcome = match timeout(limit, self.ask()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(anyhow::anyhow!("no end after {} s", limit.as_secs_f64())),
        };
        if let Err(error) = outcome {
            self.connection = None;
            self.meters.failed(format!("{error:#}"));
            sleep(PAUSE_AFTER_FAILURE).await;
        }
    }

    async fn ask(&mut self) -> anyhow::Result<()> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.plan.target).await?,
        };
        let mut moments = Moments::now();
        let mut answer = self.begin(&mut connection).await;
        let stale = connection.is_reused();
        if stale && matches!(&answer, Err(error) if error.is::<Unanswered>()) {
            connection = Connection::open(&self.plan.target).await?;
            moments = Moments::now();
            answer = self.begin(&mut connection).await;
        }
        match answer? {
            Begun::Left => Ok(()),
            Begun::Answer(200, body) => self.read(connection, body, moments).await,
            Begun::Answer(status, body) => {
                let text = connection.text(body).await?;
                bail!("status {status}: {}", beginning(&text))
            }
        }
    }

    /// Sends the request and waits for the head of the answer, or until it is time to leave.
    async fn begin(&self, connection: &mut Connection) -> anyhow::Result<Begun> {
        let sent = connection.send(&self.request);
        let answer = match self.plan.behaviour {
            Behaviour::Leave { when: Leave::BeforeFirst, delay } => {
                let Ok(answer) = timeout(delay, sent).await else {
                    self.leave(0);
                    return Ok(Begun::Left);
                };
                answer
            }
            _ => sent.await,
        };
        answer.map(|(status, body)| Begun::Answer(status, body))
    }

    async fn read(
        &mut self,
        mut connection: Connection,
        mut body: Body,
        mut moments: Moments,
    ) -> anyhow::Result<()> {
        let mut decoder = Decoder::new(self.plan.format);
        let mut arrived = Arrived::default();
        let mut leave_at = match self.plan.behaviour {
            Behaviour::Leave { when: Leave::BeforeFirst, delay } => {
                Some(Instant::from_std(moments.asked_at()) + delay)
            }
            _ => None,
        };
        loop {
            let read = connection.read(&mut body, |data| decoder.feed(data, &mut arrived));
            let ended = match leave_at {
                // Most clients never leave, and a timer for each of their reads would cost.
                None => read.await?,
                Some(deadline) => {
                    let Ok(ended) = timeout_at(deadline, read).await else {
                        self.leave(decoder.tokens());
                        return Ok(());
                    };
                    ended?
                }
            };
            self.meters.arrived(&mut moments, &arrived, epoch_micros());
            arrived.clear();
            if ended {
                break;
            }
            match self.plan.behaviour {
                Behaviour::Read => {}
                Behaviour::Leave { when, delay } => {
                    if leave_at.is_none() && when.is_reached(decoder.tokens()) {
                        leave_at = Some(Instant::now() + delay);
                    }
                }
                Behaviour::Stall { after_tokens, hold } => {
                    if decoder.tokens() >= after_tokens {
                        sleep(hold).await;
                        self.leave(decoder.tokens());
                        return Ok(());
                    }
                }
            }
        }
        if self.plan.behaviour != Behaviour::Read {
            bail!("the answer ended before the client left it");
        }
        self.meters.ended(&moments, decoder.verdict(self.plan.expect_tokens));
        if connection.is_reusable() {
            self.connection = Some(connection);
        }
        Ok(())
    }

    /// Notes that the client goes now. Its connection closes when the caller returns.
    fn leave(&self, tokens: u64) {
        let at_micros = epoch_micros();
        self.meters.left(Left { tag: tag(self.index), at_micros, tokens });
    }
}

enum Begun {
    Left,
    Answer(u16, Body),
}

impl Leave {
    fn is_reached(self, tokens: u64) -> bool {
        match self {
            Self::BeforeFirst => false,
            Self::FirstByte => true,
            Self::Tokens(enough) => tokens >= enough,
        }
    }
}
