//! Clients that nobody here wrote, each as its users call it: they check the certificate, choose the
//! protocol, and read a stream.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::scene::SecureServer;
use crate::peers::folder;
use crate::support::{PATIENCE, eventually};

/// A program that reads a stream and prints it.
struct Reader {
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Reader {
    fn start(program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments);
        Self::start_command(command)
    }

    fn start_command(mut command: Command) -> Self {
        command.env("NO_PROXY", "*").env("no_proxy", "*").kill_on_drop(true);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { lines, _child: child }
    }

    /// Reads lines up to one that has a text in it.
    async fn finds(&mut self, text: &str) -> String {
        loop {
            let line = timeout(PATIENCE, self.lines.next_line()).await.expect("a line in time");
            let line = line.unwrap().unwrap_or_else(|| panic!("an end before {text:?}"));
            if line.contains(text) {
                return line;
            }
        }
    }
}

async fn reads_a_stream(scene: &SecureServer, program: &str, arguments: &[&str]) -> Reader {
    let mut command = Command::new(program);
    command.args(arguments);
    reads_with(scene, command).await
}

async fn reads_with(scene: &SecureServer, command: Command) -> Reader {
    let opened = "fanfare_streams_opened_total";
    let before = scene.server.figure(opened).await;
    let what = format!("{command:?} is subscribed");
    let reader = Reader::start_command(command);
    eventually(&what, async || scene.server.figure(opened).await > before).await;
    reader
}

#[tokio::test]
async fn curl_reads_and_publishes_over_both_versions_of_http_and_of_tls() {
    let scene = SecureServer::start(&[]).await;
    let issuer = scene.certificates.issuer();
    let url = scene.url("/events/t");
    for flags in [
        &["--http1.1", "--tlsv1.3"][..],
        &["--http1.1", "--tls-max", "1.2"],
        &["--http2", "--tlsv1.3"],
        &["--http2", "--tls-max", "1.2"],
    ] {
        let fixed = ["--disable", "--silent", "--show-error", "--cacert", &issuer];
        let stream: Vec<&str> = [&fixed[..], flags, &["--no-buffer", "--include", &url]].concat();
        let mut reader = reads_a_stream(&scene, "curl", &stream).await;
        let version = if flags[0] == "--http2" { "HTTP/2 200" } else { "HTTP/1.1 200" };
        reader.finds(version).await;
        reader.finds("text/event-stream").await;
        let publish: Vec<&str> = [&fixed[..], flags, &["--data", "from curl", &url]].concat();
        let mut published = Reader::start("curl", &publish);
        let id = published.lines.next_line().await.unwrap().expect("an id");
        reader.finds(&format!("id: {id}")).await;
        reader.finds("data: from curl").await;
    }
}

#[tokio::test]
async fn a_client_that_calls_another_name_is_shown_the_certificate_and_decides_itself() {
    let scene = SecureServer::start(&["--host", "push.example"]).await;
    let port = scene.server.address.port();
    let to = format!("push.example:{port}:127.0.0.1");
    let url = format!("https://push.example:{port}/events/t");
    let issuer = scene.certificates.issuer();
    let fixed = ["--disable", "--silent", "--resolve", &to, "--no-buffer", "--cacert", &issuer];
    let strict = Command::new("curl").args(fixed).arg(&url).output().await.unwrap();
    assert_eq!(strict.status.code(), Some(60), "curl does not take a certificate of another name");
    let lenient: Vec<&str> = [&fixed[..], &["--insecure", &url]].concat();
    let mut reader = reads_a_stream(&scene, "curl", &lenient).await;
    scene.publish("t", "whoever you are").await;
    reader.finds("data: whoever you are").await;
}

#[tokio::test]
async fn python_reads_a_stream_with_its_own_library() {
    const SCRIPT: &str = "
import http.client, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
client = http.client.HTTPSConnection('localhost', int(sys.argv[1]), context=context, timeout=30)
client.request('GET', '/events/t')
answer = client.getresponse()
print(answer.status, client.sock.version(), flush=True)
for line in answer:
    print(line.decode().rstrip(), flush=True)
";
    let scene = SecureServer::start(&[]).await;
    let port = scene.server.address.port().to_string();
    let arguments = ["-c", SCRIPT, &port, &scene.certificates.issuer()];
    let mut reader = reads_a_stream(&scene, "python3", &arguments).await;
    reader.finds("200 TLSv1.3").await;
    scene.publish("t", "to python").await;
    reader.finds("data: to python").await;
}

#[tokio::test]
async fn node_reads_streams_with_its_own_libraries_over_both_versions() {
    const HTTP1: &str = "
const [url, ca] = process.argv.slice(1);
require('https').get(url, { ca: require('fs').readFileSync(ca) }, (answer) => {
  console.log(answer.statusCode, answer.socket.getProtocol());
  answer.pipe(process.stdout);
});";
    const HTTP2: &str = "
const [url, ca] = process.argv.slice(1);
const session = require('http2').connect(url, { ca: require('fs').readFileSync(ca) });
const stream = session.request({ ':path': '/events/t' });
stream.on('response', (head) => console.log(head[':status'], session.alpnProtocol));
stream.pipe(process.stdout);";
    let scene = SecureServer::start(&[]).await;
    for (script, first) in [(HTTP1, "200 TLSv1.3"), (HTTP2, "200 h2")] {
        let (url, issuer) = (scene.url("/events/t"), scene.certificates.issuer());
        let mut reader = reads_a_stream(&scene, "node", &["-e", script, &url, &issuer]).await;
        reader.finds(first).await;
        scene.publish("t", "to node").await;
        reader.finds("data: to node").await;
    }
}

#[tokio::test]
async fn go_reads_a_stream_with_two_libraries_over_both_versions() {
    let scene = SecureServer::start(&[]).await;
    let url = scene.url("/events/t");
    for library in ["read_with_go_sse", "read_with_r3labs"] {
        // Go speaks HTTP/2 wherever TLS offers it, unless it is told not to.
        for (setting, protocol) in [("http2client=1", "http2"), ("http2client=0", "http1")] {
            let program = folder().join("go/.built").join(library);
            assert!(program.exists(), "{} is missing: `make test` builds it", program.display());
            let mut command = Command::new(program);
            command.args([&url, "2"]).env("GODEBUG", setting);
            command.env("SSL_CERT_FILE", scene.certificates.issuer());
            let mut reader = reads_with(&scene, command).await;
            let open = format!("fanfare_connections{{protocol=\"{protocol}\"}}");
            assert!(scene.server.figure(&open).await >= 1.0, "{library} {setting}");
            for data in ["first to go", "second to go"] {
                let id = scene.publish("t", data).await;
                let line = reader.finds(data).await;
                assert!(line.contains(&id), "{line}");
            }
            let gone = async || scene.server.figure("fanfare_connections").await == 0.0;
            eventually("it has gone with its second event", gone).await;
        }
    }
}
