//! `posthorn openapi`: the REST API as a document, without any server.

use std::process::ExitCode;

use crate::output;

pub(crate) fn print() -> ExitCode {
    let document = posthorn_api::openapi_document(posthorn_ingest::http::openapi());
    match document.to_pretty_json() {
        Ok(json) => {
            output::line(json);
            ExitCode::SUCCESS
        }
        Err(error) => {
            output::complain(format!("the document cannot be written: {error}"));
            ExitCode::FAILURE
        }
    }
}
