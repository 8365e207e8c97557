//! What a function sees: the files that it has on Lambda, and nothing of this machine's user.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::{Value, json};

use super::extensions;
use super::server::{Server, soon, with_argument};
use super::zips::{EXECUTABLE, python, zip};

/// Answers what Python expressions give, each as a text.
const LOOKS: &str = "
def look(text):
    try: return str(eval(text))
    except Exception as error: return type(error).__name__ + ': ' + str(error)
while True:
    id, _, event = next()
    respond(id, {text: look(text) for text in event})
";

fn looks(server: &Server, expressions: &[&str]) -> Value {
    server.answer("looks", &json!(expressions).to_string())
}

fn look(server: &Server, expression: &str) -> String {
    looks(server, &[expression])[expression].as_str().unwrap().to_owned()
}

/// The same command, run by a shell's words.
fn through(command: &Command, words: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", words, "sh"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.current_dir(command.get_current_dir().unwrap());
    shell
}

/// The same command as a user without rights, who gets a user namespace.
fn as_nobody(command: &Command) -> Command {
    let root = rustix::process::geteuid().is_root();
    let folder = command.get_current_dir().unwrap();
    if root {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
    }
    let drop = if root { "setpriv --reuid 65534 --regid 65534 --clear-groups" } else { "" };
    through(command, &format!("exec {drop} \"$@\""))
}

/// Whether this machine lets such a user have one.
fn in_user_namespaces() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let mut unshare = Command::new("unshare");
    unshare.args(["-U", "true"]).current_dir(folder.path());
    if as_nobody(&unshare).status().is_ok_and(|status| status.success()) {
        return true;
    }
    crate::support::have("user-namespaces (for who is not root)")
}

#[test]
fn it_is_as_on_lambda() {
    let server = Server::start(&[]);
    server.create("looks", &python(LOOKS));
    for (expression, expected) in [
        ("os.getcwd()", "/var/task"),
        ("os.environ['LAMBDA_TASK_ROOT']", "/var/task"),
        ("os.environ.get('HOME')", "None"),
        ("os.environ.get('TMPDIR')", "None"),
        ("os.getuid(), os.getgid(), os.getgroups()", "(993, 990, [])"),
        ("os.listdir('/var/task')", "['bootstrap']"),
        ("os.listdir('/opt')", "[]"),
        ("os.path.exists('/home') or os.path.exists('/root')", "False"),
        (
            "open('/etc/shadow').read()",
            "FileNotFoundError: [Errno 2] No such file or directory: '/etc/shadow'",
        ),
        ("open('/var/task/x', 'w')", "OSError: [Errno 30] Read-only file system: '/var/task/x'"),
        ("open('/opt/x', 'w')", "OSError: [Errno 30] Read-only file system: '/opt/x'"),
        ("open('/x', 'w')", "OSError: [Errno 30] Read-only file system: '/x'"),
        ("open('/usr/x', 'w')", "OSError: [Errno 30] Read-only file system: '/usr/x'"),
        ("os.setuid(0)", "PermissionError: [Errno 1] Operation not permitted"),
        // In one expression: the next event may meet another environment.
        ("open('/tmp/x', 'w').write('mine'), open('/tmp/x').read()", "(4, 'mine')"),
        ("socket.gethostbyname('sandbox.localdomain')", "127.0.0.1"),
    ] {
        assert_eq!(look(&server, expression), expected, "{expression}");
    }
    // Another environment has another /tmp.
    server.create("other", &python(LOOKS));
    let there = server.answer("other", &json!(["os.listdir('/tmp')"]).to_string());
    assert_eq!(there["os.listdir('/tmp')"], "[]");
}

/// Not even one that owns what was put over the machine's libraries.
#[test]
fn nothing_but_tmp_can_be_written() {
    if !in_user_namespaces() {
        return;
    }
    let server = Server::start_as(&[], |command| as_nobody(&command));
    // A program, since scripts have the libraries of this machine.
    let code = r#"
        #include <fcntl.h>
        #include <stdio.h>
        #include <unistd.h>
        int main(void) {
            const char *paths[] = {"/usr/lib64/x", "/usr/lib/x86_64-linux-gnu/x", "/usr/local/lib/x",
                                   "/usr/lib/aarch64-linux-gnu/x", "/etc/x", "/dev/x", "/x"};
            for (int i = 0; i < 7; i++)
                if (open(paths[i], O_CREAT | O_WRONLY, 0600) >= 0) printf("WRITTEN %s\n", paths[i]);
            printf("user %d\n", getuid());
            return open("/tmp/x", O_CREAT | O_WRONLY, 0600) >= 0 ? 7 : 9;
        }"#;
    let folder = tempfile::tempdir().unwrap();
    let program = fs::read(crate::support::cc(folder.path(), code, "bootstrap", &[])).unwrap();
    server.create("writes", &zip(&[("bootstrap", EXECUTABLE, &program)]));
    let (_, message) = server.invoke("writes", "{}").failure();
    assert!(message.ends_with("exit status 7"), "{message}\n{}", server.said());
    assert!(server.said().contains("user 993"), "{}", server.said());
    assert!(!server.said().contains("WRITTEN"), "{}", server.said());
}

/// What the shell had open for the server is nobody else's.
#[test]
fn no_file_is_inherited() {
    for args in [&[][..], &["--no-sandbox"]] {
        let server = Server::start_as(args, |command| {
            through(&command, "exec 9</etc/passwd 5>/dev/null; exec \"$@\"")
        });
        // The listing's own is gone when it is looked at.
        server.create("looks", &python(&format!(
            "files = [f for f in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + f)]\n{LOOKS}"
        )));
        assert_eq!(look(&server, "sorted(files)"), "['0', '1', '2']", "{args:?}");
    }
}

#[test]
fn tmp_is_as_large_as_was_said() {
    let server = Server::start(&[]);
    server.create("looks", &python(LOOKS));
    let size = "os.statvfs('/tmp').f_blocks * os.statvfs('/tmp').f_frsize >> 20";
    assert_eq!(look(&server, size), "512");
    let bigger = json!({ "EphemeralStorage": { "Size": 700 } });
    server.control("PUT", "/2015-03-31/functions/looks/configuration", &bigger);
    assert_eq!(look(&server, size), "700");
}

#[test]
fn more_memory_than_there_is_ends_it() {
    let server = Server::start(&[]);
    server.create("looks", &python(LOOKS));
    let asked = json!(["len(bytearray(os.urandom(1 << 20) * 400)) + time.sleep(5)"]).to_string();
    let (kind, message) = server.invoke("looks", &asked).failure();
    assert_eq!(kind, "Runtime.OutOfMemory", "{message}");
    assert!(message.ends_with("Error: Runtime exited with error: signal: killed"), "{message}");
    // The next one finds a new environment.
    assert_eq!(look(&server, "1 + 1"), "2");
}

/// It is the whole environment that has so much.
#[test]
fn memory_is_counted_of_all_processes() {
    let server = Server::start(&[]);
    server.create_with("looks", &python(LOOKS), &json!({ "MemorySize": 256, "Timeout": 30 }));
    let pipe = "head -c 500M /dev/zero | tail -c 499M | (sleep 5; wc -c)";
    // What has left its group and has no parent any more counts as well.
    let away = format!("setsid sh -c '({pipe}) &' ");
    for command in [pipe, &away] {
        let asked = json!([format!("subprocess.run({command:?}, shell=True), time.sleep(5)")]);
        let (kind, message) = server.invoke("looks", &asked.to_string()).failure();
        assert_eq!(kind, "Runtime.OutOfMemory", "{command}: {message}");
    }
    // What several share is there once.
    let forks = "[bytearray(os.urandom(1 << 20) * 120)] + [os.fork() or time.sleep(1) or os._exit(0) \
                 for _ in range(3)] and time.sleep(0.5)";
    assert_eq!(look(&server, forks), "None");
}

/// Layers are at /opt; an extension shares /tmp with its function.
#[test]
fn layers_and_extensions_are_in_the_same_room() {
    let server = Server::start(&[]);
    let extension = "open('/tmp/shared', 'w').write(os.getcwd())\nid, _, _ = register('INVOKE')\n\
                     while True: next(id)\n";
    extensions::with(&server, "looks", &python(LOOKS), &[("ours", extension)]);
    assert_eq!(look(&server, "os.listdir('/opt/extensions')"), "['ours']");
    assert_eq!(look(&server, "open('/tmp/shared').read()"), "/var/task");
    assert_eq!(
        look(&server, "open('/opt/extensions/ours', 'a')"),
        "PermissionError: [Errno 13] Permission denied: '/opt/extensions/ours'"
    );
}

/// Whoever is being debugged has all the time.
#[test]
fn a_debugger_stops_the_clock() {
    if !crate::support::have("strace") {
        return;
    }
    let server = Server::start(&[]);
    let script = "loop(lambda event: time.sleep(event) or os.getpid())";
    server.create_with("slow", &python(script), &json!({ "Timeout": 1 }));
    let (kind, message) = server.invoke("slow", "1.5").failure();
    assert_eq!(kind, "Sandbox.Timedout", "{message}");
    let process = server.answer("slow", "0").to_string();
    let mut tracer = std::process::Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "-p", &process])
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(server.answer("slow", "1.5").to_string(), process);
    tracer.kill().unwrap();
    tracer.wait().unwrap();
}

/// What has left its session and its environment dies with its environment and with the server, however
/// that ends.
#[test]
fn nothing_outlives_its_server() {
    for (args, environment) in [(&[][..], "{}"), (&["--no-sandbox"][..], "None")] {
        for kill in [true, false] {
            let mut server = Server::start(args);
            let seconds = format!("9{}", uuid::Uuid::new_v4().as_u128() % 1_000_000_000);
            let script = format!(
                "subprocess.Popen(['sleep', '{seconds}'], start_new_session=True, env={environment}, \
                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n\
                 loop(lambda event: 1)"
            );
            server.create("forks", &python(&script));
            server.answer("forks", "{}");
            assert_eq!(with_argument(&seconds).len(), 1, "{args:?}");
            if kill {
                server.kill();
            } else {
                assert_eq!(server.stop(), Some(0));
            }
            soon(&format!("it has ended, {args:?} {kill}"), || with_argument(&seconds).is_empty());
        }
    }
}

#[test]
fn without_it_the_machine_is_seen() {
    let server = Server::start(&["--no-sandbox"]);
    server.create("looks", &python(LOOKS));
    assert_eq!(look(&server, "os.path.exists('/home')"), "True");
    assert_ne!(look(&server, "os.environ.get('TMPDIR')"), "None");
}

/// A program that needs what this machine has and Lambda has not.
#[test]
fn libraries_that_lambda_lacks_are_not_found() {
    let server = Server::start(&[]);
    let code = "int main(void) { extern int lambda_pack_lacks(void); return lambda_pack_lacks(); }";
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("main.c"), code).unwrap();
    std::fs::write(path("lib.c"), "int lambda_pack_lacks(void) { return 0; }").unwrap();
    let cc =
        |args: &[&str]| crate::support::run(std::process::Command::new("cc").args(args)).code(0);
    cc(&["-shared", "-o", &path("liblambdapacklacks.so"), &path("lib.c")]);
    let _ = cc(&["-o", &path("bootstrap"), &path("main.c"), "-L", &path(""), "-llambdapacklacks"]);
    let program = std::fs::read(path("bootstrap")).unwrap();
    server.create("lacks", &zip(&[("bootstrap", EXECUTABLE, &program)]));
    let (kind, message) = server.invoke("lacks", "{}").failure();
    assert_eq!(kind, "Runtime.ExitError", "{message}");
    assert!(message.ends_with("exit status 127"), "{message}");
    assert!(server.said().contains("liblambdapacklacks.so: cannot open"), "{}", server.said());
    // A library of the machine's own, which Lambda has not, is as good as not there.
    if std::path::Path::new("/usr/lib/x86_64-linux-gnu/libapt-pkg.so.6.0").exists() {
        let code = "#include <dlfcn.h>\nint main(void) { return dlopen(\"libapt-pkg.so.6.0\", 1) ? 7 : 9; }";
        std::fs::write(path("main.c"), code).unwrap();
        cc(&["-o", &path("bootstrap"), &path("main.c"), "-ldl"]);
        let program = std::fs::read(path("bootstrap")).unwrap();
        server.create("opens", &zip(&[("bootstrap", EXECUTABLE, &program)]));
        let (_, message) = server.invoke("opens", "{}").failure();
        assert!(message.ends_with("exit status 9"), "{message}");
    }
}
