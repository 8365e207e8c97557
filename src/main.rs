//! `cargo lambda-pack`.

fn main() -> std::process::ExitCode {
    lambda_pack::cli::run(std::env::args_os())
}
