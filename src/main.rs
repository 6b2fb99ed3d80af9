//! The thin binary: hand the arguments over, exit with the code that comes back.

fn main() -> std::process::ExitCode {
    quarterdeck::cli::main()
}
