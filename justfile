# Lists the recipes.
default:
    @{{ just_executable() }} --list --unsorted

# Serves on 127.0.0.1:8080; arguments go to the program.
run *arguments:
    cargo run --release -- {{ arguments }}

# Sets up what is missing and runs every test.
test:
    scripts/test

# Everything that a change must pass, as CI runs it.
check:
    .ci/run

# Formats all Rust code.
fmt:
    cargo fmt

# Asserts which crate may use which.
layers:
    scripts/layers

# The lints, as CI has them.
lint:
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# Builds the crates' documentation and opens it.
docs:
    cargo doc --workspace --all-features --no-deps --open

# Measures a running server; arguments go to the bench program.
bench *arguments:
    cargo run --release --package loquat-bench -- {{ arguments }}

# Measures the context engine: `just context timing`, `just context replay`, `just context score < FILE`.
context example:
    cargo run --release --package loquat-context --example {{ example }}

# The long form of the tests that break a server: kills, storms, races; arguments are test names.
torture *arguments:
    cargo build --release --bin loquat
    LOQUAT_TORTURE_KILLS=100 LOQUAT_TORTURE_SECONDS=60 LOQUAT_TORTURE_RACES=500 \
        cargo test --release --package loquat-e2e --test it -- torture:: {{ arguments }}

# Checks licences, sources and known faults of the dependencies; needs cargo-deny.
deny:
    cargo deny check
