//! What the safe interface of the client library does not offer: many records of one partition by one call, header names
//! that are not UTF-8 without a panic, answers to commits that nobody waits for, how far a partition has grown, whether
//! a consumer is a member of its group, and a token for a client that nobody polls.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use rdkafka::bindings as sys;
use rdkafka::client::OAuthToken;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::{RDKafka, RDKafkaErrorCode};

/// Called by threads of the client when a queue gets its first record after it was asked in vain. Must not block.
pub(super) type Wake = dyn Fn() + Send + Sync;

/// The queue of one partition, apart from that of its consumer. Must be dropped before its consumer.
pub(super) struct Queue {
    queue: NonNull<sys::rd_kafka_queue_t>,
    /// Boxed twice, because the client keeps one plain pointer.
    wake: Box<Arc<Wake>>,
}

impl Queue {
    /// Parts the queue of a partition from the consumer's. To be called before the partition is assigned: then all of its
    /// records come here.
    ///
    /// `client` must be a live consumer that outlives the queue.
    pub(super) fn part(
        client: *mut RDKafka,
        topic: &str,
        partition: i32,
        wake: Arc<Wake>,
    ) -> Option<Self> {
        let topic = CString::new(topic).ok()?;
        let wake = Box::new(wake);
        // SAFETY: the client is live; the queue is ours until it is dropped; `wake` has a fixed address as long as the
        // queue may call it.
        unsafe {
            let queue = sys::rd_kafka_queue_get_partition(client, topic.as_ptr(), partition);
            let queue = NonNull::new(queue)?;
            sys::rd_kafka_queue_forward(queue.as_ptr(), ptr::null_mut());
            Some(Self::watched(queue, wake))
        }
    }

    /// A queue of its own, for answers.
    ///
    /// `client` must be a live client that outlives the queue.
    pub(super) fn of_answers(client: *mut RDKafka, wake: Arc<Wake>) -> Option<Self> {
        // SAFETY: the client is live; the queue is ours until it is dropped.
        unsafe {
            let queue = NonNull::new(sys::rd_kafka_queue_new(client))?;
            Some(Self::watched(queue, Box::new(wake)))
        }
    }

    unsafe fn watched(queue: NonNull<sys::rd_kafka_queue_t>, wake: Box<Arc<Wake>>) -> Self {
        let opaque = ptr::from_ref::<Arc<Wake>>(&wake).cast_mut().cast();
        // SAFETY: the queue is live; `wake` has a fixed address as long as the queue may call it.
        unsafe { sys::rd_kafka_queue_cb_event_enable(queue.as_ptr(), Some(woken), opaque) };
        Self { queue, wake }
    }

    /// Sends a commit; how it ended is told by [`committed`](Self::committed).
    ///
    /// `client` must be the consumer that the queue was made for.
    pub(super) fn commit(
        &self,
        client: *mut RDKafka,
        offsets: &TopicPartitionList,
    ) -> Result<(), RDKafkaErrorCode> {
        // SAFETY: the client copies the offsets and holds the queue by count until it has answered.
        let sent = unsafe {
            let queue = self.queue.as_ptr();
            sys::rd_kafka_commit_queue(client, offsets.ptr(), queue, None, ptr::null_mut())
        };
        match sent {
            sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
            error => Err(error.into()),
        }
    }

    /// How a commit ended, where one has.
    pub(super) fn committed(&self) -> Option<Result<(), RDKafkaErrorCode>> {
        // SAFETY: the event is ours and is destroyed once.
        let error = unsafe {
            let event = NonNull::new(sys::rd_kafka_queue_poll(self.queue.as_ptr(), 0))?;
            let error = sys::rd_kafka_event_error(event.as_ptr());
            sys::rd_kafka_event_destroy(event.as_ptr());
            error
        };
        match error {
            sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Some(Ok(())),
            error => Some(Err(error.into())),
        }
    }

    /// Takes up to `most` records that are there, without waiting.
    pub(super) fn take(&self, most: usize, records: &mut Vec<Record>) {
        let before = records.len();
        records.reserve(most);
        // SAFETY: there is room for `most` pointers behind the records, a `Record` is such a pointer, and the client has
        // written as many as it says, none of them null.
        unsafe {
            let room = records.as_mut_ptr().add(before).cast();
            let taken = sys::rd_kafka_consume_batch_queue(self.queue.as_ptr(), 0, room, most);
            records.set_len(before + usize::try_from(taken).unwrap_or(0));
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the callback is taken away before `wake` is freed; the client calls it under the lock of the queue.
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), None, ptr::null_mut());
            sys::rd_kafka_queue_destroy(self.queue.as_ptr());
        }
        let _ = &self.wake;
    }
}

unsafe extern "C" fn woken(_: *mut RDKafka, opaque: *mut c_void) {
    // SAFETY: the pointer that `part` has given, valid until the queue has taken the callback away.
    let wake = unsafe { &*opaque.cast::<Arc<Wake>>() };
    wake();
}

/// A record as the client holds it, or an error of its partition. Must be dropped before its consumer.
#[repr(transparent)]
pub(super) struct Record(NonNull<sys::rd_kafka_message_t>);

impl Record {
    fn raw(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: the client has given the message to us, whole, until we destroy it.
        unsafe { self.0.as_ref() }
    }

    /// What is wrong with the partition, where this is no record.
    pub(super) fn error(&self) -> Option<(RDKafkaErrorCode, String)> {
        let raw = self.raw();
        if raw.err == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        // SAFETY: the text belongs to the message and ends with a zero.
        let text = unsafe {
            let text = sys::rd_kafka_message_errstr(self.0.as_ptr());
            if text.is_null() { String::new() } else { lossy(text) }
        };
        Some((raw.err.into(), text))
    }

    /// Its position in its partition.
    pub(super) fn offset(&self) -> i64 {
        self.raw().offset
    }

    /// Its key; `None` is a null key.
    pub(super) fn key(&self) -> Option<&[u8]> {
        let raw = self.raw();
        // SAFETY: null, or as many bytes as it says.
        unsafe { slice(raw.key, raw.key_len) }
    }

    /// Its value; `None` is a null value.
    pub(super) fn value(&self) -> Option<&[u8]> {
        let raw = self.raw();
        // SAFETY: null, or as many bytes as it says.
        unsafe { slice(raw.payload, raw.len) }
    }

    /// When it was produced or appended, in milliseconds since 1970-01-01T00:00:00Z.
    pub(super) fn time(&self) -> Option<i64> {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: a whole message, and a place for one value.
        let time = unsafe { sys::rd_kafka_message_timestamp(self.0.as_ptr(), &raw mut kind) };
        (time >= 0).then_some(time)
    }

    /// Shows each header, in order: its name and its value, where it is not null.
    pub(super) fn headers(&self, mut show: impl FnMut(&[u8], Option<&[u8]>)) {
        let mut headers = ptr::null_mut();
        // SAFETY: the headers belong to the message; name and value are valid until it is destroyed.
        unsafe {
            let found = sys::rd_kafka_message_headers(self.0.as_ptr(), &raw mut headers);
            if found != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return;
            }
            for index in 0.. {
                let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
                let got = sys::rd_kafka_header_get_all(
                    headers,
                    index,
                    &raw mut name,
                    &raw mut value,
                    &raw mut size,
                );
                if got != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                    return;
                }
                show(CStr::from_ptr(name).to_bytes(), slice(value, size));
            }
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        // SAFETY: nobody else has it.
        unsafe { sys::rd_kafka_message_destroy(self.0.as_ptr()) }
    }
}

/// The first offset of a partition and the one after its last, as the last fetch has told. Asks nobody.
///
/// `client` must be a live client.
pub(super) fn range(client: *mut RDKafka, topic: &str, partition: i32) -> Option<(i64, i64)> {
    let topic = CString::new(topic).ok()?;
    let (mut low, mut high) = (-1, -1);
    // SAFETY: the client is live, and there is room for two numbers.
    let result = unsafe {
        sys::rd_kafka_get_watermark_offsets(
            client,
            topic.as_ptr(),
            partition,
            &raw mut low,
            &raw mut high,
        )
    };
    let is_known = result == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0;
    is_known.then_some((low, high))
}

/// Gives a client the token that it logs in with. The error does not show it.
///
/// `client` must be a live client.
pub(super) fn give_token(client: *mut RDKafka, token: &OAuthToken) -> Result<(), String> {
    let text = CString::new(token.token.as_str()).map_err(|_| "a token with a zero in it")?;
    let principal = CString::new(token.principal_name.as_str());
    let principal = principal.map_err(|_| "a principal with a zero in it")?;
    let mut why: [c_char; 256] = [0; 256];
    // SAFETY: the client is live and copies the texts; it writes no more into `why` than fits, with a zero at the end.
    let (result, why) = unsafe {
        let result = sys::rd_kafka_oauthbearer_set_token(
            client,
            text.as_ptr(),
            token.lifetime_ms,
            principal.as_ptr(),
            ptr::null_mut(),
            0,
            why.as_mut_ptr(),
            why.len(),
        );
        (result, lossy(why.as_ptr()))
    };
    match result {
        sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        _ => Err(format!("the token cannot be used: {why}")),
    }
}

/// The bytes at a pointer of the client; `None` for null.
unsafe fn slice<'a>(start: *const c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller vouches for pointer and length.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast(), len) })
}

unsafe fn lossy(text: *const c_char) -> String {
    // SAFETY: the caller vouches for the zero at the end.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// Whether a consumer is a member of its group, as far as the client knows; false as soon as it says that it leaves.
///
/// `client` must be a live consumer.
pub(super) fn is_member(client: *mut RDKafka) -> bool {
    // SAFETY: the client is live; the text ends with a zero, and is ours until the client frees it.
    unsafe {
        let id = sys::rd_kafka_memberid(client);
        if id.is_null() {
            return false;
        }
        let is_member = *id != 0;
        sys::rd_kafka_mem_free(client, id.cast());
        is_member
    }
}

/// Makes a producer fail for good, as an error of its sequence numbers would.
#[cfg(test)]
pub(super) fn give_up(client: *mut RDKafka) {
    let code = sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    // SAFETY: the client is live, and the text is copied.
    unsafe { sys::rd_kafka_test_fatal_error(client, code, c"asked for".as_ptr()) };
}
