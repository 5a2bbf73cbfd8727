//! Takes the lock of the target whose URL is given, says `held`, and keeps it until killed.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::time::Duration;

use ptah_wasm::database::Target;
use ptah_wasm::store::acquire;

#[tokio::main]
async fn main() {
    let url = std::env::args().nth(1).unwrap();
    let _lock = acquire(&Target::parse(&url).unwrap(), Duration::ZERO, |_| {}).await.unwrap();
    println!("held");
    std::future::pending::<()>().await;
}
