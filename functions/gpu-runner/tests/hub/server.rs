//! A server that answers as Hugging Face does, from a directory.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gpu_runner::hub::Hub;
use gpu_runner::tiny::{self, Layout};
use serde_json::json;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What becomes of requests for one file.
#[derive(Clone)]
pub enum Fault {
    Status(u16),
    /// The connection ends after so many bytes of the next so many answers.
    Cut(usize, usize),
    /// The same, but that the connection stays, and nothing more is sent.
    Stall(usize, usize),
    /// No answer at all.
    Silence,
    /// Other bytes of the same length.
    Other,
    /// A content by this name.
    Named(&'static str),
    /// A redirect to nowhere.
    Lost,
}

pub struct Server {
    pub endpoint: String,
    state: Arc<State>,
}

struct State {
    root: PathBuf,
    faults: Mutex<HashMap<String, Fault>>,
    stalled: Mutex<Vec<TcpStream>>,
    /// Path and range of each request.
    seen: Mutex<Vec<(String, String)>>,
}

impl Server {
    /// Of the repository `org/tiny`, for as long as the process runs.
    pub fn start(root: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            root: root.to_path_buf(),
            faults: Mutex::default(),
            stalled: Mutex::default(),
            seen: Mutex::default(),
        });
        let shared = state.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                // A client that goes away in the middle is no concern of the server's.
                let _ = shared.answer(connection);
            }
        });
        Self { endpoint, state }
    }

    pub fn fault(&self, path: &str, fault: Fault) {
        self.state.faults.lock().unwrap().insert(path.into(), fault);
    }

    pub fn well(&self) {
        self.state.faults.lock().unwrap().clear();
    }

    /// Files that were asked for since the last time, with the range; without those of a single byte, which ask for the
    /// size.
    pub fn seen(&self) -> Vec<(String, String)> {
        let seen = std::mem::take(&mut *self.state.seen.lock().unwrap());
        seen.into_iter().filter(|(_, range)| range != "bytes=0-0").collect()
    }
}

impl State {
    fn answer(&self, connection: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(connection.try_clone()?);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let path = line.split(' ').nth(1).unwrap_or_default().to_string();
        let mut range = String::new();
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header)? <= 2 {
                break;
            }
            if let Some(("range", value)) = header.to_ascii_lowercase().split_once(": ") {
                range = value.trim().to_string();
            }
        }
        let file = path.strip_prefix("/org/tiny/resolve/main/").unwrap_or(&path).to_string();
        self.seen.lock().unwrap().push((file.clone(), range.clone()));
        let fault = self.faults.lock().unwrap().get(&file).cloned();
        if let Some(Fault::Status(status)) = fault {
            return send(connection, &format!("{status} No"), "", b"{}", None);
        }
        if let Some(Fault::Silence) = fault {
            self.stalled.lock().unwrap().push(connection);
            return Ok(());
        }
        if path == "/api/models/org/tiny/revision/main" {
            let siblings: Vec<_> = list(&self.root, "").into_iter().map(|name| json!({"rfilename": name})).collect();
            let body = json!({"sha": COMMIT, "siblings": siblings}).to_string();
            return send(connection, "200 OK", "", body.as_bytes(), None);
        }
        let Ok(mut bytes) = fs::read(self.root.join(&file)) else {
            return send(connection, "404 Not Found", "", b"{}", None);
        };
        let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        // Only what is large has a name that says what it is.
        let mut etag = if file.ends_with("safetensors") { digest } else { digest[..40].to_string() };
        let mut cut = None;
        match fault {
            Some(Fault::Other) => bytes.iter_mut().for_each(|byte| *byte ^= 0x55),
            Some(Fault::Named(name)) => etag = name.to_string(),
            Some(Fault::Lost) => return send(connection, "302 Found", &headers("abc"), b"", None),
            Some(Fault::Cut(after, times)) if times > 0 && range != "bytes=0-0" => {
                self.faults.lock().unwrap().insert(file, Fault::Cut(after, times - 1));
                cut = Some(after);
            }
            Some(Fault::Stall(after, times)) if times > 0 && range != "bytes=0-0" => {
                self.faults.lock().unwrap().insert(file, Fault::Stall(after, times - 1));
                self.stalled.lock().unwrap().push(connection.try_clone()?);
                cut = Some(after);
            }
            _ => {}
        }
        let total = bytes.len();
        let (from, to) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')).unwrap_or(("0", ""));
        let from: usize = from.parse().unwrap_or(0);
        let to = to.parse().map_or(total, |to: usize| to + 1).min(total);
        if from >= to {
            return send(connection, "416 Range Not Satisfiable", &headers(&etag), b"", None);
        }
        let more = format!("{}content-range: bytes {from}-{}/{total}\r\n", headers(&etag), to - 1);
        send(connection, "206 Partial Content", &more, &bytes[from..to], cut)
    }
}

fn headers(etag: &str) -> String {
    format!("etag: \"{etag}\"\r\nx-repo-commit: {COMMIT}\r\n")
}

fn send(mut to: TcpStream, status: &str, more: &str, body: &[u8], cut: Option<usize>) -> std::io::Result<()> {
    let length = body.len();
    write!(to, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{more}\r\n")?;
    to.write_all(&body[..cut.map_or(length, |cut| cut.min(length))])
}

/// Paths of all files, with `/` between their parts.
pub fn list(dir: &Path, before: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{before}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            paths.extend(list(&entry.path(), &format!("{name}/")));
        } else {
            paths.push(name);
        }
    }
    paths.sort();
    paths
}

/// A repository with a tiny model in it, a server for it, and an empty cache.
pub struct Rig {
    pub server: Server,
    pub repository: TempDir,
    pub home: TempDir,
}

impl Rig {
    pub fn new() -> Self {
        let repository = TempDir::new().unwrap();
        tiny::write(repository.path(), Layout::Sd15, 0).unwrap();
        Self { server: Server::start(repository.path()), repository, home: TempDir::new().unwrap() }
    }

    /// Impatient, so that what fails fails soon.
    pub fn hub(&self) -> Hub {
        Hub {
            cache: self.home.path().join("hub"),
            endpoint: self.server.endpoint.clone(),
            token: None,
            offline: false,
            pauses: Vec::new(),
            patience: Duration::from_secs(60),
        }
    }
}
