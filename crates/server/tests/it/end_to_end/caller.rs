//! A client of a running server.

use std::net::{Ipv4Addr, SocketAddr};

use reqwest::{Client, Method, RequestBuilder, header};
use serde_json::{Value, json};

use super::{authenticator::Authenticator, journal::Journal, process::PATIENCE};
use crate::app::{PASSWORD, Reply};

/// Calls one listener, under one name.
pub(crate) struct Caller {
    /// What went over the wire.
    pub(crate) journal: Journal,
    http: Client,
    address: SocketAddr,
    host: String,
}

impl Caller {
    /// Calls the listener on `port` of this machine as `host`, as a proxy would.
    pub(crate) fn new(port: u16, host: impl Into<String>) -> Self {
        let http = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let address = (Ipv4Addr::LOCALHOST, port).into();
        Self { journal: Journal::default(), http, address, host: host.into() }
    }

    /// Where it calls.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A request under our name, to be sent with [`Self::send`].
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_as(&self.host, method, path)
    }

    /// A request under another name, to be sent with [`Self::send`].
    pub(crate) fn request_as(&self, host: &str, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.address);
        self.http.request(method, url).header(header::HOST, host)
    }

    /// Sends a request; an error if no whole answer comes.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Reply, reqwest::Error> {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await?;
        let json = serde_json::from_str(&text).unwrap_or_default();
        self.journal.note(&json);
        Ok(Reply { status, headers, json, text })
    }

    /// Any call; with `Value::Null`, without a body. An error if no whole answer comes.
    pub(crate) async fn try_call(
        &self,
        method: Method,
        path: &str,
        bearer: Option<&str>,
        body: &Value,
    ) -> Result<Reply, reqwest::Error> {
        self.journal.note(body);
        let mut request = self.request(method, path);
        if let Some(token) = bearer {
            request = request.bearer_auth(token);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        self.send(request).await
    }

    /// `POST`; an error if no whole answer comes.
    pub(crate) async fn try_post(
        &self,
        path: &str,
        bearer: Option<&str>,
        body: Value,
    ) -> Result<Reply, reqwest::Error> {
        self.try_call(Method::POST, path, bearer, &body).await
    }

    /// `POST`; with `Value::Null`, without a body.
    pub(crate) async fn post(&self, path: &str, bearer: Option<&str>, body: Value) -> Reply {
        self.try_post(path, bearer, body).await.unwrap()
    }

    /// `GET`.
    pub(crate) async fn get(&self, path: &str, bearer: Option<&str>) -> Reply {
        self.try_call(Method::GET, path, bearer, &Value::Null).await.unwrap()
    }

    /// Registers an address with the usual [`PASSWORD`].
    pub(crate) async fn register(&self, email: &str) {
        let body = json!({ "email": email, "password": PASSWORD });
        self.post("/auth/register", None, body).await.expect(201);
    }

    /// Presents the usual password.
    pub(crate) async fn login(&self, email: &str) -> Reply {
        let body = json!({ "email": email, "password": PASSWORD });
        self.post("/auth/login", None, body).await
    }

    /// Signs in by the usual password alone; the access token.
    pub(crate) async fn sign_in(&self, email: &str) -> String {
        let reply = self.login(email).await.expect(200);
        assert_eq!(reply.json["status"], "complete", "{}", reply.text);
        reply.text_at("/access_token")
    }

    /// Signs in by the usual password as far as the challenge; its token.
    pub(crate) async fn challenge(&self, email: &str) -> String {
        let reply = self.login(email).await.expect(200);
        assert_eq!(reply.json["status"], "mfa_required", "{}", reply.text);
        reply.text_at("/temp_token")
    }

    /// Answers a challenge.
    pub(crate) async fn answer(&self, temp_token: &str, code: &str) -> Reply {
        let body = json!({ "temp_token": temp_token, "mfa_token": code });
        self.post("/auth/login/mfa", None, body).await
    }

    /// Enrols an app by its picture, with an access token or the token of a sign-in.
    pub(crate) async fn enrol(&self, bearer: &str) -> Enrolled {
        let bearer = Some(bearer);
        let setup = self.post("/auth/mfa/enable", bearer, Value::Null).await.expect(200);
        let mut app = Authenticator::scan(&setup.text_at("/qr_code")).await;
        let confirm = json!({ "token": app.next().await });
        let confirmed = self.post("/auth/mfa/confirm", bearer, confirm).await.expect(200);
        Enrolled { app, setup, confirmed }
    }
}

/// An enrolment.
pub(crate) struct Enrolled {
    /// The app, whose first code is used up.
    pub(crate) app: Authenticator,
    /// What was answered first.
    pub(crate) setup: Reply,
    /// What was answered to the first code.
    pub(crate) confirmed: Reply,
}
