//! Where a function comes from, by its symbol and the file that holds it: the crate of a Rust
//! function, the package of a Go function, the library of a C function, or the kernel.

/// A function as profilers tell it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Function {
    /// Its symbol, readable.
    pub(crate) symbol: String,
    /// The crate, package or library that it comes from.
    pub(crate) origin: String,
}

impl Function {
    /// Of a symbol in a program, a library or the kernel.
    pub(crate) fn new(symbol: &str, file: &str) -> Self {
        let file = file.rsplit('/').next().unwrap_or(file);
        let origin = origin(symbol, file);
        let symbol = match symbol {
            "[unknown]" | "???" => format!("[{origin}, no symbol]"),
            // Separates functions in folded stacks.
            known => known.replace(';', ","),
        };
        Self { symbol, origin }
    }
}

fn origin(symbol: &str, file: &str) -> String {
    if file.starts_with("[kernel") || file.starts_with("[guest") || file.ends_with(".ko") {
        return "kernel".to_owned();
    }
    if file.starts_with('[') {
        return file.trim_matches(['[', ']']).to_owned();
    }
    if file == "nats-server" {
        return go_package(symbol);
    }
    if symbol.contains("::") {
        return rust_crate(symbol).to_owned();
    }
    if symbol.starts_with("aws_lc") {
        return "aws-lc".to_owned();
    }
    match file.split_once(".so") {
        Some((library, _version)) => library.to_owned(),
        None if file.starts_with("posthorn") => "C and assembler".to_owned(),
        None => file.to_owned(),
    }
}

/// The path before the first dot behind the last slash: `encoding/json` of `encoding/json.Marshal`.
fn go_package(symbol: &str) -> String {
    // A type in brackets may have a path of its own.
    let plain = symbol.split(['(', '[']).next().unwrap_or(symbol);
    let name = plain.rfind('/').map_or(0, |slash| slash + 1);
    match plain[name..].find('.') {
        Some(dot) => plain[..name + dot]
            .trim_start_matches("github.com/")
            .to_owned(),
        None if plain.is_empty() => "nats-server".to_owned(),
        // Assembler has no path.
        None => "runtime".to_owned(),
    }
}

/// The first word of the path; of `<Type as Trait>::function` that of the type, or of the trait where
/// the type is a parameter.
fn rust_crate(symbol: &str) -> &str {
    let of_trait = || first_word(symbol.split_once(" as ")?.1);
    first_word(symbol).or_else(of_trait).unwrap_or("Rust")
}

/// The first word of a path, if the text is one behind its brackets and references.
fn first_word(text: &str) -> Option<&str> {
    let mut rest = text.trim_start_matches(['<', '&', '*', '(', '[']);
    for word in ["mut ", "const ", "dyn "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    rest = rest.trim_start_matches('<');
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    rest[end..].starts_with("::").then_some(&rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_belong_to_crates_packages_and_libraries() {
        let cases = [
            ("tcp_v4_rcv", "[kernel.kallsyms]", "kernel"),
            ("nf_hook", "/lib/modules/nf_tables.ko", "kernel"),
            ("__vdso_clock_gettime", "[vdso]", "vdso"),
            ("_int_malloc", "/usr/lib/libc.so.6", "libc"),
            (
                "btinsert",
                "/usr/lib/postgresql/15/bin/postgres",
                "postgres",
            ),
            ("aws_lc_0_39_0_sha256_block", "/x/posthorn", "aws-lc"),
            ("main", "/x/posthorn", "C and assembler"),
            ("serde_json::de::from_trait", "/x/posthorn", "serde_json"),
            (
                "<axum::util::Map<F> as core::future::Future>::poll",
                "/x/posthorn",
                "axum",
            ),
            (
                "<F as axum::handler::Handler<(M,T1),S>>::call",
                "/x/posthorn",
                "axum",
            ),
            (
                "<&mut serde_json::de::De<R> as serde_core::De>::x",
                "/x/posthorn",
                "serde_json",
            ),
            ("<dyn posthorn_bus::A>::x", "/x/posthorn", "posthorn_bus"),
            ("<T>::x", "/x/posthorn", "Rust"),
            ("runtime.mapaccess2", "/x/nats-server", "runtime"),
            ("memeqbody", "/x/nats-server", "runtime"),
            (
                "encoding/json.(*Decoder).Decode",
                "/x/nats-server",
                "encoding/json",
            ),
            (
                "github.com/nats-io/nats-server/v2/server.(*client).parse",
                "/x/nats-server",
                "nats-io/nats-server/v2/server",
            ),
            ("[unknown]", "/usr/bin/postgres", "postgres"),
        ];
        for (symbol, file, expected) in cases {
            assert_eq!(Function::new(symbol, file).origin, expected, "{symbol}");
        }
    }

    #[test]
    fn a_function_without_symbol_or_with_a_semicolon_can_be_folded() {
        let symbol = |symbol| Function::new(symbol, "/x/posthorn").symbol;
        assert_eq!(symbol("a::<[u8; 4]>::b"), "a::<[u8, 4]>::b");
        assert_eq!(symbol("[unknown]"), "[C and assembler, no symbol]");
    }
}
