use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, mpsc};

use hybridge_config::connector::stdio::{Format, SinkConfig, SourceConfig};
use hybridge_core::testing::message;
use hybridge_core::{
    Budget, Delivery, ErrorKind, Event, Message, Outcome, Sink as _, Source as _, Tag,
};

use super::*;

/// A pipe whose other end a test holds.
struct Pipe(mpsc::Receiver<Vec<u8>>, Vec<u8>);

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.1.is_empty() {
            self.1 = self.0.recv().unwrap_or_default();
        }
        let length = self.1.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.1[..length]);
        self.1.drain(..length);
        Ok(length)
    }
}

fn lines() -> SourceConfig {
    SourceConfig { format: Format::Lines, ..SourceConfig::default() }
}

async fn connected(input: &Input, config: &SourceConfig) -> Source {
    let mut source = Source::new(config, input.clone(), "here".into());
    source.connect(Budget::unlimited()).await.unwrap();
    assert!(matches!(source.next().await.unwrap(), Event::Assigned(_)));
    source
}

async fn deliveries(source: &mut Source) -> Vec<Delivery> {
    match source.next().await.unwrap() {
        Event::Deliveries(deliveries) => deliveries,
        other => panic!("{other:?}"),
    }
}

fn bodies(deliveries: &[Delivery]) -> Vec<String> {
    let body = |d: &Delivery| String::from_utf8_lossy(d.message.payload.as_ref().unwrap()).into();
    deliveries.iter().map(body).collect()
}

fn all(deliveries: &[Delivery]) -> Vec<(Tag, Outcome)> {
    deliveries.iter().map(|delivery| (delivery.tag, Outcome::Delivered)).collect()
}

#[tokio::test]
async fn every_line_comes_and_then_the_end() {
    let input = Input::from_reader(&b"one\r\n\ntwo\nlast"[..]);
    let mut source = connected(&input, &lines()).await;
    assert_eq!(bodies(&deliveries(&mut source).await), ["one", "", "two"]);
    let last = deliveries(&mut source).await;
    assert_eq!((bodies(&last), last[0].message.origin.offset), (vec!["last".into()], 10));
    assert!(matches!(source.next().await.unwrap(), Event::End));
    source.flush();
    assert!(matches!(source.next().await.unwrap(), Event::Flushed));
}

#[tokio::test]
async fn a_line_that_is_no_json_or_too_long_is_a_fault_of_its_own() {
    let config = SourceConfig { max_message: "10B".parse().unwrap(), ..SourceConfig::default() };
    let input = Input::from_reader(&b"{\"a\":1}\n\n{\"a\":\n{\"a\":\"0123456789\"}\n2\n"[..]);
    let mut source = connected(&input, &config).await;
    let got = deliveries(&mut source).await;
    let faults: Vec<_> = got.iter().map(|d| d.fault.as_ref().map(|fault| fault.kind())).collect();
    let rejected = Some(ErrorKind::Rejected);
    assert_eq!(faults, [None, rejected, rejected, None]);
    assert_eq!(bodies(&got)[2], "{\"a\":\"0123");
}

#[tokio::test]
async fn the_next_source_of_the_same_input_gets_what_the_last_one_left() {
    let (feed, pipe) = mpsc::sync_channel(10);
    let input = Input::from_reader(Pipe(pipe, Vec::new()));
    let mut source = connected(&input, &lines()).await;
    feed.send(b"1\n2\n3\nbeg".to_vec()).unwrap();
    let got = deliveries(&mut source).await;
    source.settle(&all(&got[1..2]));
    let mut second = Source::new(&lines(), input.clone(), "here".into());
    let refused = second.connect(Budget::unlimited()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Fatal);
    drop(source);
    let mut source = connected(&input, &lines()).await;
    assert_eq!(bodies(&deliveries(&mut source).await), ["1", "3"]);
    feed.send(b"in\n".to_vec()).unwrap();
    assert_eq!(bodies(&deliveries(&mut source).await), ["begin"]);
}

#[tokio::test]
async fn a_next_that_is_dropped_loses_nothing() {
    let text: String = (0..3000).map(|number| format!("{number}\n")).collect();
    let (feed, pipe) = mpsc::sync_channel(10_000);
    let input = Input::from_reader(Pipe(pipe, Vec::new()));
    let mut source = connected(&input, &lines()).await;
    for piece in text.as_bytes().chunks(7) {
        feed.send(piece.to_vec()).unwrap();
    }
    drop(feed);
    let mut got = Vec::new();
    loop {
        let polled = futures_util::FutureExt::now_or_never(source.next());
        match polled {
            Some(Ok(Event::Deliveries(deliveries))) => {
                got.extend(bodies(&deliveries));
                source.settle(&all(&deliveries));
            }
            Some(Ok(Event::End)) => break,
            Some(other) => panic!("{other:?}"),
            None => tokio::task::yield_now().await,
        }
    }
    assert_eq!(got, text.lines().collect::<Vec<_>>());
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(buffer);
        Ok(buffer.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn what_cannot_be_a_line_is_rejected_and_the_others_are_written() {
    let written = Written::default();
    let sink = Sink::new(&SinkConfig::default(), Output::to_writer(written.clone()));
    let batch = [
        message("", "{\n  \"a\": \"b\\n\"\r\n}"),
        message("", "no json"),
        Message::default(),
        message("", "7"),
    ];
    let results = sink.send(&batch).await;
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, false, true]);
    assert_eq!(results[1].as_ref().unwrap_err().kind(), ErrorKind::Rejected);
    assert_eq!(*written.0.lock().unwrap(), b"{   \"a\": \"b\\n\"  }\n7\n");
}

struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_closed_output_is_no_fault_of_the_message() {
    let sink = Sink::new(&SinkConfig::default(), Output::to_writer(Closed));
    let results = sink.send(&[message("", "1")]).await;
    assert_eq!(results[0].as_ref().unwrap_err().kind(), ErrorKind::Disconnected);
}
