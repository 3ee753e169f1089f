#!/bin/bash
#: title rustc, cargo
#: needs cargo rustc
#: package rustc cargo
#: version rustc --version
#: process cargo rustc
#: note rustup's rustc has jemalloc linked in, so its blocks are not seen
mkdir -p p/src q/src
printf '[package]\nname = "p"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\nq = { path = "../q" }\n' >p/Cargo.toml
printf '[package]\nname = "q"\nversion = "0.1.0"\nedition = "2021"\n' >q/Cargo.toml
cat >q/src/lib.rs <<'END'
pub fn sums(n: usize) -> Vec<u64> { let t: Vec<_> = (0..n).map(|i| std::thread::spawn(move || (0..1000u64).map(|x| (x * i as u64).to_string().len() as u64).sum())).collect(); t.into_iter().map(|t| t.join().unwrap()).collect() }
#[test] fn adds() { assert_eq!(sums(1), [1000]); }
END
cat >p/src/main.rs <<'END'
fn main() { println!("{:?}", q::sums(6)); let m: std::collections::BTreeMap<_, _> = (0..1000).map(|i| (format!("{i}"), vec![i; 9])).collect(); println!("{}", m.len()); println!("{:?}", std::panic::catch_unwind(|| panic!("x")).is_err()); std::process::exit(4) }
END
cd p && cargo build --offline -q; echo "status $?"; target/debug/p; echo "status $?"
