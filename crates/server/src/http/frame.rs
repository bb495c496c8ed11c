//! The way of a request from the connection to its route and back.

use std::{
    any::Any,
    convert::Infallible,
    future::{Future, poll_fn},
    net::IpAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{MatchedPath, Request},
    http::{HeaderValue, Method},
    response::{IntoResponse, Response},
    routing::Route,
};
use ipnet::IpNet;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};
use tower::{Layer, Service};

use crate::{
    api::problem::{Code, Problem},
    http::{
        address::ClientAddress,
        cors::Cors,
        credentials, headers,
        hosts::Hosts,
        limiter::Limiter,
        request_id::{self, RequestId, RequestIds},
    },
    telemetry::metrics::{Metrics, Refused},
};

/// How long a request may be worked on.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How many requests a public listener works on at the same time.
pub const IN_FLIGHT: usize = 1_024;

/// What a [`Frame`] lets through.
#[derive(Debug)]
pub struct Admission {
    /// The hosts that are served.
    pub hosts: Hosts,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The origins whose pages may call with a bearer token.
    pub allowed_origins: Vec<String>,
    /// Requests a minute for each address; 0 for no limit.
    pub per_address: u32,
    /// Requests worked on at the same time; more are refused at once.
    pub in_flight: usize,
    /// Whether browsers may reach this server by https only.
    pub https: bool,
}

/// Everything around the routes of one listener.
#[derive(Debug)]
pub struct Frame {
    router: Router,
    hosts: Hosts,
    trusted_proxies: Vec<IpNet>,
    cors: Cors,
    limiter: Option<Limiter>,
    in_flight: Semaphore,
    https: bool,
    ids: RequestIds,
    metrics: Arc<Metrics>,
    started: Instant,
}

impl Frame {
    /// Puts the frame around `router`, whose unknown paths and methods become problems.
    ///
    /// `ids` names the requests.
    #[must_use]
    pub fn new(
        router: Router,
        admission: Admission,
        ids: RequestIds,
        metrics: Arc<Metrics>,
    ) -> Self {
        let router = router
            .fallback(async || Problem::from(Code::NotFound))
            .method_not_allowed_fallback(async || Problem::from(Code::MethodNotSupported))
            .layer(NoteRoute);
        Self {
            router,
            hosts: admission.hosts,
            trusted_proxies: admission.trusted_proxies,
            cors: Cors::new(&admission.allowed_origins),
            limiter: Limiter::new(admission.per_address),
            in_flight: Semaphore::new(admission.in_flight),
            https: admission.https,
            ids,
            metrics,
            started: Instant::now(),
        }
    }

    /// Answers one request that came over a connection from `peer`.
    pub async fn handle(&self, request: Request, peer: IpAddr) -> Response {
        let id = self.ids.next();
        id.scope(self.observed(request, peer, id)).await
    }

    /// Answers, and tells log and metrics of it.
    async fn observed(&self, request: Request, peer: IpAddr, id: RequestId) -> Response {
        let begun = Instant::now();
        let method = known_method(request.method());
        let origin = self.cors.origin(request.headers());
        let _under_way = self.metrics.request_under_way();

        let answered = self.admitted(request, peer, origin.as_ref()).await;
        let mut response = answered.unwrap_or_else(|refused| {
            self.metrics.request_refused(refused.reason);
            refused.problem.into_response()
        });

        let headers = response.headers_mut();
        headers::secure(headers, self.https);
        self.cors.open(headers, origin);
        headers.insert(request_id::HEADER, id.header_value());

        let route = request_id::current_route();
        let status = response.status().as_u16();
        let took = begun.elapsed();
        tracing::info!(
            route = &*route,
            method,
            status,
            duration_ms = (took.as_secs_f64() * 1e6).round() / 1e3,
            "Request answered"
        );
        self.metrics.request_answered(route, method, status, took);
        response
    }

    /// Checks what can be checked without a route, then runs the route within its limits.
    async fn admitted(
        &self,
        mut request: Request,
        peer: IpAddr,
        origin: Option<&HeaderValue>,
    ) -> Result<Response, Refusal> {
        let client = ClientAddress::find(peer, request.headers(), &self.trusted_proxies);
        if let Some(limiter) = &self.limiter {
            limiter.count(client, self.started.elapsed()).map_err(|wait| {
                let problem = Problem::new(Code::TooManyRequests).retry_after(wait);
                Refusal { reason: Refused::Limited, problem }
            })?;
        }
        if !self.hosts.serve(request.uri(), request.headers()) {
            return Err(Refusal { reason: Refused::Host, problem: Code::UnknownHost.into() });
        }
        if credentials::ambiguous(request.headers()) {
            let problem = Problem::new(Code::Malformed).detail("The caller is named twice.");
            return Err(Refusal { reason: Refused::Credentials, problem });
        }
        if let Some(preflight) = Cors::preflight(request.method(), request.headers(), origin) {
            return Ok(preflight);
        }
        let _permit = self.permit()?;
        request.extensions_mut().insert(client);
        self.routed(request).await
    }

    fn permit(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        self.in_flight
            .try_acquire()
            .map_err(|_| Refusal { reason: Refused::Busy, problem: Code::Busy.into() })
    }

    /// Runs the route; a panic or an endless wait in it ends with this request.
    async fn routed(&self, request: Request) -> Result<Response, Refusal> {
        let answer = survive(self.router.clone().call(request));
        match tokio::time::timeout(TIMEOUT, answer).await {
            Ok(Ok(Ok(response))) => Ok(response),
            Ok(Err(_panic)) => {
                Err(Refusal { reason: Refused::Panicked, problem: Code::Internal.into() })
            }
            Err(_elapsed) => {
                tracing::warn!("Request took too long");
                Err(Refusal { reason: Refused::TimedOut, problem: Code::Busy.into() })
            }
        }
    }
}

/// A request that the frame answers in place of its route.
struct Refusal {
    reason: Refused,
    problem: Problem,
}

/// Runs `work` to its end or its panic; the panic hook has told the log where.
async fn survive<F: Future>(work: F) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut work = pin!(work);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// The method as a label of which there are only so many.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Notes which route a request took, for log and metrics.
#[derive(Debug, Clone, Copy)]
struct NoteRoute;

impl Layer<Route> for NoteRoute {
    type Service = RouteNoted;

    fn layer(&self, route: Route) -> RouteNoted {
        RouteNoted(route)
    }
}

/// A route that is noted when it is taken; its future is the route's own.
#[derive(Clone)]
struct RouteNoted(Route);

impl Service<Request<Body>> for RouteNoted {
    type Response = Response;
    type Error = Infallible;
    type Future = <Route as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<Body>>::poll_ready(&mut self.0, context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if let Some(route) = request.extensions().get::<MatchedPath>() {
            request_id::note_route(route.clone());
        }
        self.0.call(request)
    }
}
