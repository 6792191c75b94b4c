//! Answers HTTP requests with what was asked, and with trailers.

use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasip2::io::streams::StreamError;

struct Handler;

impl wasip2::exports::http::incoming_handler::Guest for Handler {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let mut text = format!("{:?} {}\n", request.method(), request.path_with_query().unwrap_or_default());
        for (name, value) in request.headers().entries() {
            if name.starts_with("x-") {
                text += &format!("{name}: {}\n", String::from_utf8_lossy(&value));
            }
        }
        let body = request.consume().unwrap();
        let stream = body.stream().unwrap();
        let mut length = 0;
        loop {
            match stream.blocking_read(65_536) {
                Ok(part) => length += part.len(),
                Err(StreamError::Closed) => break,
                Err(StreamError::LastOperationFailed(error)) => panic!("{}", error.to_debug_string()),
            }
        }
        text += &format!("body of {length} bytes\n");

        let headers = Fields::from_list(&[("content-type".into(), b"text/plain".into())]).unwrap();
        let response = OutgoingResponse::new(headers);
        response.set_status_code(if length == 0 { 200 } else { 202 }).unwrap();
        let body = response.body().unwrap();
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().unwrap();
        for part in text.as_bytes().chunks(4096) {
            stream.blocking_write_and_flush(part).unwrap();
        }
        drop(stream);
        OutgoingBody::finish(body, None).unwrap();
    }
}

wasip2::http::proxy::export!(Handler);
