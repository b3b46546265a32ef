fn main() -> std::process::ExitCode {
    gpu_runner::cli::run()
}
