//! One connection: reads requests, plays scripts, and notices that the client goes away whatever
//! the script is doing.

use std::{sync::Arc, time::Instant};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
};

use super::{
    Plan, UpstreamRequest, UpstreamScript, UpstreamStep,
    record::{ClosedBy, Record},
    script::Wire,
};

/// How a script left the connection.
enum Played {
    KeptAlive,
    Cut,
    Reset,
    Broken,
}

pub(super) async fn serve(mut socket: TcpStream, number: usize, plan: Arc<Plan>, record: Record) {
    // Best effort: without it only the timing of a script is less exact.
    let _ = socket.set_nodelay(true);
    let by = converse(&mut socket, number, &plan, &record).await;
    drop(socket);
    record.closed(number, by);
}

async fn converse(socket: &mut TcpStream, number: usize, plan: &Plan, record: &Record) -> ClosedBy {
    let mut inbox = BytesMut::new();
    loop {
        let (mut reader, mut writer) = socket.split();
        let Some(request) = read_request(&mut reader, &mut inbox, number).await else {
            return ClosedBy::Client;
        };
        let script = plan.script(&request);
        record.requested(request);
        let played = tokio::select! {
            biased;
            () = gone(&mut reader, &mut inbox) => return ClosedBy::Client,
            played = play(&script, &mut writer) => played,
        };
        if matches!(played, Played::Broken) {
            return ClosedBy::Client;
        }
        record.answered();
        match played {
            Played::KeptAlive | Played::Broken => {}
            Played::Cut => return ClosedBy::Script,
            Played::Reset => {
                // Without it the close is an orderly one, and the test that wanted a reset fails.
                let _ = socket.set_zero_linger();
                return ClosedBy::Script;
            }
        }
    }
}

/// Completes when the client closes or resets the connection. What it sends before is kept.
async fn gone(reader: &mut ReadHalf<'_>, inbox: &mut BytesMut) {
    while matches!(reader.read_buf(inbox).await, Ok(count) if count > 0) {}
}

async fn play(script: &UpstreamScript, writer: &mut WriteHalf<'_>) -> Played {
    let mut wire = Wire::default();
    for step in script.steps() {
        let closes = matches!(step, UpstreamStep::End) && wire.needs_close();
        if writer.write_all(&wire.bytes(step)).await.is_err() {
            return Played::Broken;
        }
        match step {
            UpstreamStep::Delay(pause) => tokio::time::sleep(*pause).await,
            UpstreamStep::Wait(gate) => gate.pass().await,
            UpstreamStep::Stall => std::future::pending().await,
            UpstreamStep::CutFin => return Played::Cut,
            UpstreamStep::CutRst => return Played::Reset,
            UpstreamStep::End if closes => return Played::Cut,
            _ => {}
        }
    }
    let closes = wire.needs_close();
    match writer.write_all(&wire.end()).await {
        Err(_) => Played::Broken,
        Ok(()) if closes => Played::Cut,
        Ok(()) => Played::KeptAlive,
    }
}

/// The next request; `None` when the connection ends before it is whole or it is not HTTP.
async fn read_request(
    reader: &mut ReadHalf<'_>,
    inbox: &mut BytesMut,
    connection: usize,
) -> Option<UpstreamRequest> {
    let head_end = loop {
        if let Some(at) = inbox.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        more(reader, inbox).await?;
    };
    let head = String::from_utf8(inbox.split_to(head_end).to_vec()).ok()?;
    inbox.advance(4);
    let mut lines = head.split("\r\n");
    let mut request_line = lines.next()?.split(' ').map(str::to_owned);
    let (method, target) = (request_line.next()?, request_line.next()?);
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(0);
    let body = read_body(reader, inbox, length).await?;
    let received_at = Instant::now();
    Some(UpstreamRequest { connection, method, target, headers, body, received_at })
}

async fn read_body(
    reader: &mut ReadHalf<'_>,
    inbox: &mut BytesMut,
    length: usize,
) -> Option<Bytes> {
    while inbox.len() < length {
        more(reader, inbox).await?;
    }
    Some(inbox.split_to(length).freeze())
}

async fn more(reader: &mut ReadHalf<'_>, inbox: &mut BytesMut) -> Option<()> {
    reader.read_buf(inbox).await.ok().filter(|count| *count > 0).map(drop)
}
