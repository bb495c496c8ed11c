//! A wire to PostgreSQL that can be made to carry no notifications, though every connection stands.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// Passes everything on; while it is deaf, connections that listen get no answer.
pub(crate) struct Proxy {
    /// Where it is.
    pub(crate) port: u16,
    deaf: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// A proxy of the server at `target`.
    pub(crate) async fn new(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (deaf, told) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut wires = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(target).await.unwrap();
                wires.spawn(pass(client, server, told.clone()));
            }
        });
        Self { port, deaf, _tasks: tasks }
    }

    /// From now on, whoever listens hears nothing, or hears again.
    pub(crate) fn deafen(&self, deaf: bool) {
        self.deaf.send_replace(deaf);
    }
}

async fn pass(mut client: TcpStream, mut server: TcpStream, mut deaf: watch::Receiver<bool>) {
    let (mut asked, mut answered) = (vec![0; 16_384], vec![0; 16_384]);
    let mut listens = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(count @ 1..) = read else { return };
                listens |= asked[..count].windows(6).any(|words| words == b"LISTEN");
                if server.write_all(&asked[..count]).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(count @ 1..) = read else { return };
                // What it sends meanwhile waits in the socket.
                if listens && deaf.wait_for(|deaf| !deaf).await.is_err() {
                    return;
                }
                if client.write_all(&answered[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}
