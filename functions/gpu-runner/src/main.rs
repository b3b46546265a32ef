/// Tensors come and go by the megabyte: returned to the system and fetched again they cost a quarter of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    gpu_runner::cli::run()
}
