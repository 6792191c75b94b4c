//! Tries TCP, UDP and name look-up; prints what each was told.

use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;
use wasip2::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;
use wasip2::sockets::udp_create_socket::create_udp_socket;

fn tcp(port: u16) -> Result<String, ErrorCode> {
    let network = instance_network();
    let socket = create_tcp_socket(IpAddressFamily::Ipv4)?;
    let address = IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: (127, 0, 0, 1) });
    socket.start_connect(&network, address)?;
    let (input, output) = loop {
        match socket.finish_connect() {
            Err(ErrorCode::WouldBlock) => socket.subscribe().block(),
            other => break other?,
        }
    };
    output.blocking_write_and_flush(b"ping\n").map_err(|_| ErrorCode::Unknown)?;
    let answer = input.blocking_read(64).map_err(|_| ErrorCode::Unknown)?;
    Ok(String::from_utf8_lossy(&answer).trim().into())
}

fn udp(port: u16) -> Result<&'static str, ErrorCode> {
    let network = instance_network();
    let socket = create_udp_socket(IpAddressFamily::Ipv4)?;
    socket.start_bind(&network, IpSocketAddress::Ipv4(Ipv4SocketAddress { port: 0, address: (127, 0, 0, 1) }))?;
    loop {
        match socket.finish_bind() {
            Err(ErrorCode::WouldBlock) => socket.subscribe().block(),
            other => break other?,
        }
    }
    socket.stream(Some(IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: (127, 0, 0, 1) })))?;
    Ok("connected")
}

fn names() -> Result<usize, ErrorCode> {
    let stream = resolve_addresses(&instance_network(), "petiole.invalid")?;
    loop {
        match stream.resolve_next_address() {
            Err(ErrorCode::WouldBlock) => stream.subscribe().block(),
            Ok(found) => return Ok(usize::from(found.is_some())),
            Err(error) => return Err(error),
        }
    }
}

fn name<T: std::fmt::Debug>(result: Result<T, ErrorCode>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(code) => format!("refused: {}", code.name()),
    }
}

fn main() {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(9);
    println!("tcp {}", name(tcp(port)));
    println!("udp {}", name(udp(port)));
    println!("names {}", name(names()));
}
