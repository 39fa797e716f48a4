//! `loquat serve`: everything put together, until it is told to stop.

mod banner;
mod health;
mod stop;

use std::{io, net::TcpListener, sync::Arc, time::Duration};

use actix_web::{App, HttpServer, rt::System};
use loquat_chat::{
    ChatService, IdSource as _, ModelCatalog, Ports, Summariser, SystemClock, SystemIds,
};
use loquat_http::{HttpState, SocketOptions};
use loquat_limits::Limiter;
use tokio::runtime::{Builder, Runtime};

use self::{
    banner::Banner,
    stop::{Patience, Signals},
};
use crate::{
    config::{Config, Faults, ServerSection},
    database::Stores,
    output,
    parts::Parts,
    telemetry, token,
};

/// Threads beside those of the turns that wait for the operating system: names of hosts are looked
/// up on them, one at a time each.
const WAITING_THREADS: usize = 16;

/// The same for each HTTP worker. No handler waits for anything that blocks, so none is started.
const WORKERS_WAITING_THREADS: usize = 1;

/// How long the last answers may take to reach their readers after the last turn has ended.
const FLUSH_SECONDS: u64 = 5;

/// How long tasks that are no turn may take to notice that the process ends.
const LAST_TASKS: Duration = Duration::from_secs(1);

/// Serves until SIGTERM or SIGINT, and then until the running turns have ended.
///
/// The order: the secret, which may have to be made; the port, so that a second server does not
/// touch the first one's data; the data; and only then anybody is answered.
pub(crate) fn run(config: &Config, parts: Parts) -> Result<(), Faults> {
    telemetry::start(&config.log);
    raise_file_limit();
    let is_development = parts.identity.is_development();
    let tokens = parts.identity.open(&config.server.data_dir)?;
    let longest = Duration::from_secs(config.auth.max_lifetime_seconds);
    let development_token = tokens
        .minter
        .as_ref()
        .filter(|_| is_development)
        .map(|minter| token::for_development(minter, longest))
        .transpose()?;
    let socket = listen(&config.server)?;
    let runtime = runtime(&config.server).map_err(|error| cannot_serve(&error))?;
    let stores = parts.database.open(&runtime)?;
    let catalog = parts.catalog;
    let banner = Banner {
        address: socket.local_addr().map_err(|error| cannot_serve(&error))?,
        development_token,
        can_mint: tokens.minter.is_some(),
        database: parts.database.place(),
        models: catalog.models.iter().map(|model| model.id.clone()).collect(),
        default_model: catalog.models.default_model().id.clone(),
    };
    let limits = config.limits.limits(config.context.summary_tokens);
    let limiter = Limiter::new(
        Arc::clone(&stores.limits),
        config.configured_limits(),
        SystemIds.next(),
        runtime.handle(),
    );
    let outside = ports(stores, limiter, catalog.models, parts.summariser);
    let chat = ChatService::new(outside, limits, runtime.handle().clone());
    let believed = tokens.believed.start(runtime.handle())?;
    let upstreams = catalog.upstreams;
    let state = HttpState::new(chat.clone(), believed)
        .with_providers(move || upstreams.iter().map(|it| health::told(it.health())).collect());
    let served = System::new().block_on(serve(&config.server, socket, state, chat, &banner));
    runtime.shutdown_timeout(LAST_TASKS);
    served
}

/// Every stream has a socket on either side. What cannot be raised shows when the files run out.
fn raise_file_limit() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

fn listen(server: &ServerSection) -> Result<TcpListener, Faults> {
    loquat_http::listen(server.listen, &SocketOptions::default()).map_err(|error| {
        let address = server.listen;
        let text = match error.kind() {
            io::ErrorKind::AddrInUse => format!(
                "{address} is in use: stop the program that listens there, or choose another \
                 address with LOQUAT_LISTEN or --listen"
            ),
            _ => format!("cannot listen on {address}: {error}"),
        };
        Faults::of("server.listen", text)
    })
}

/// Where the turns run, whatever becomes of the connections that asked for them.
fn runtime(server: &ServerSection) -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(server.runtime_threads)
        .max_blocking_threads(WAITING_THREADS)
        .thread_name("turns")
        .enable_all()
        .build()
}

fn ports(
    stores: Stores,
    limiter: Limiter,
    models: ModelCatalog,
    summariser: Option<Arc<dyn Summariser>>,
) -> Ports {
    let Stores { conversations, turns, upkeep, context, ledger, limits, access } = stores;
    Ports {
        conversations,
        turns,
        context,
        upkeep,
        ledger,
        limits,
        limiter,
        access,
        summariser,
        models,
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
    }
}

async fn serve(
    server: &ServerSection,
    socket: TcpListener,
    state: HttpState,
    chat: ChatService,
    banner: &Banner,
) -> Result<(), Faults> {
    // Before anybody is told that it runs, so that nobody can stop it too early.
    let signals = Signals::new().map_err(|error| cannot_serve(&error))?;
    let app = move || App::new().configure(loquat_http::configure(state.clone()));
    let running = loquat_http::require(HttpServer::new(app))
        .workers(server.http_workers)
        .max_connections(server.max_connections.div_ceil(server.http_workers))
        .worker_max_blocking_threads(WORKERS_WAITING_THREADS)
        .shutdown_timeout(FLUSH_SECONDS)
        .disable_signals()
        .listen(socket)
        .map_err(|error| cannot_serve(&error))?
        .run();
    output::print(&banner.to_string())?;
    let patience = Patience {
        delay: Duration::from_millis(server.drain_delay_ms),
        turns: Duration::from_millis(server.drain_timeout_ms),
    };
    stop::until_stopped(running, signals, chat, patience)
        .await
        .map_err(|error| cannot_serve(&error))
}

fn cannot_serve(error: &io::Error) -> Faults {
    Faults::of("loquat serve", format!("the system refuses what a server needs: {error}"))
}
