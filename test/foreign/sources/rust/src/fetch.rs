//! Asks an HTTP server on this machine; prints the status and the body, or why it could not.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{ErrorCode, Fields, Method, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::streams::StreamError;

fn fetch(authority: &str) -> Result<(u16, String), ErrorCode> {
    let headers = Fields::from_list(&[("x-asked-by".into(), b"rust".into())]).unwrap();
    let request = OutgoingRequest::new(headers);
    request.set_method(&Method::Post).unwrap();
    request.set_scheme(Some(&Scheme::Http)).unwrap();
    request.set_authority(Some(authority)).unwrap();
    request.set_path_with_query(Some("/where?q=1")).unwrap();
    let body = request.body().unwrap();
    let stream = body.write().unwrap();
    let pending = handle(request, None)?;
    stream.blocking_write_and_flush(b"a question").unwrap();
    drop(stream);
    OutgoingBody::finish(body, None)?;
    pending.subscribe().block();
    let response = pending.get().unwrap().unwrap()?;
    let incoming = response.consume().unwrap();
    let stream = incoming.stream().unwrap();
    let mut text = Vec::new();
    loop {
        match stream.blocking_read(4096) {
            Ok(part) => text.extend(part),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => panic!("{}", error.to_debug_string()),
        }
    }
    Ok((response.status(), String::from_utf8(text).unwrap()))
}

fn main() {
    println!("{:?}", fetch(&std::env::var("AUTHORITY").unwrap()));
}
