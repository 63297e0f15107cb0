//! Finding out what a partition's folder holds after whatever happened to it.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use super::disk::{self, File, Mode};
use super::frame::HEAD;
use super::index::{self, Damage, Index, Scanned, Summary};
use super::partition::{Partition, Rules};
use super::segment::{self, HEADER};
use super::view::View;

/// A segment that a later version wrote.
pub(crate) struct LaterVersion(pub(crate) u32);

/// What the last segment looks like.
struct Last {
    summary: Summary,
    index: Index,
    file: Arc<dyn File>,
    /// The offset after the last record, in it or before it.
    follows: u64,
    /// Bytes behind its last record.
    tail: Option<(u64, u64)>,
}

/// The version of a format that this code cannot read, if there is such a segment.
pub(crate) fn later_version(view: &View) -> io::Result<Option<LaterVersion>> {
    for base in bases(view)? {
        let header = segment::read_header(&*view.open(base)?)?;
        if let Some(header) = header.filter(|header| header.version > segment::VERSION) {
            return Ok(Some(LaterVersion(header.version)));
        }
    }
    Ok(None)
}

/// Makes the partition as it was: every acknowledged record readable, a torn end cut off, and everything that is readable
/// durable. Offsets before `floor` are not used for new records.
pub(crate) fn recover(view: Arc<View>, rules: Rules, floor: u64) -> io::Result<Partition> {
    view.recall_damage();
    let bases = match view.read_only {
        true => bases(&view)?,
        false => tidied(&view)?,
    };
    let mut segments = VecDeque::new();
    for pair in bases.windows(2) {
        if let [base, following] = *pair {
            segments.push_back(sealed(&view, base, following)?);
        }
    }
    let Some(last) = bases.last().map(|base| last(&view, *base)).transpose()? else {
        if !view.read_only {
            // A segment that was removed before it counted must not be there again after a power cut.
            view.disk.sync_dir(&view.dir)?;
        }
        view.reset(segments, 0, 0);
        let mut partition = Partition::new(view, rules, 0, 0, None);
        partition.skip_to_or_warn(floor);
        return Ok(partition);
    };
    let next = last.summary.next;
    if next > last.summary.base {
        segments.push_back(last.summary);
    }
    let removed = match bases.first() {
        Some(first) => follows(&view, *first)?.unwrap_or(*first),
        None => 0,
    };
    view.reset(segments, next, removed);
    if view.read_only {
        return Ok(Partition::new(view, rules, next, next, None));
    }
    if let Err(error) = persist(&view, &last) {
        view.suspect(last.summary.base);
        return Err(error);
    }
    match last.tail {
        None => {
            let open = Some((last.summary, last.index));
            let mut partition = Partition::new(view, rules, next, last.follows, open);
            partition.skip_to_or_warn(floor);
            Ok(partition)
        }
        Some(tail) => Ok(cut(view, rules, last, tail, floor)),
    }
}

/// The segments that count. One without records does not, unless it is the last and keeps the offsets: its name may be
/// left over from before the segment in front of it was written on, and must not be taken for that one's end.
fn tidied(view: &View) -> io::Result<Vec<u64>> {
    let mut kept: Vec<u64> = Vec::new();
    for base in bases(view)? {
        if let Some(previous) = kept.last()
            && view.open(*previous)?.size()? <= HEADER
        {
            view.delete(*previous)?;
            kept.pop();
        }
        kept.push(base);
    }
    while let Some(base) = kept.last() {
        if view.is_suspect(*base) {
            view.renew(*base)?;
        }
        let overtaken = match kept.iter().rev().nth(1) {
            Some(previous) if view.open(*base)?.size()? <= HEADER => {
                next_after(view, *previous)? > *base
            }
            _ => false,
        };
        if !overtaken && !is_stillborn(view, *base)? {
            break;
        }
        view.delete(*base)?;
        kept.pop();
    }
    Ok(kept)
}

/// Whether not even the header of a last segment was written, so that nothing in it was ever acknowledged.
fn is_stillborn(view: &View, base: u64) -> io::Result<bool> {
    let header = segment::read_header(&*view.open(base)?)?;
    Ok(header.is_none() && next_after(view, base)? == base)
}

/// The offset after the last record in a segment's file.
fn next_after(view: &View, base: u64) -> io::Result<u64> {
    let file = view.open(base)?;
    Ok(index::scan(&*file, &view.identity(base), file.size()?, u64::MAX)?.summary.next)
}

/// What an unclean end left in the page cache will be seen by readers now, so it must not be lost later.
fn persist(view: &View, last: &Last) -> io::Result<()> {
    last.file.sync_data()?;
    // It may have been sealed before and written to again.
    disk::remove_if_present(&*view.disk, &index::path(&view.dir, last.summary.base))?;
    view.disk.sync_dir(&view.dir)
}

/// Cuts off what is no record. It may have been one that was read before it was damaged, so the offsets that can have
/// been in it are not used again: the next segment starts behind them, and exists before the end is cut.
fn cut(view: Arc<View>, rules: Rules, last: Last, (at, len): (u64, u64), floor: u64) -> Partition {
    let Last { summary, file, follows, .. } = last;
    tracing::warn!(
        topic = %view.topic, partition = view.number, segment = summary.base, bytes = len,
        "torn end of the log is cut off"
    );
    metrics::counter!("hybridge_log_cut_bytes_total", "topic" => view.topic.to_string())
        .increment(len);
    view.keep_aside(&*file, &format!("{:020}-{at}-tail.bad", summary.base), at, len);
    let skipped = len / HEAD as u64 + 1;
    let mut partition = Partition::new(view.clone(), rules, summary.next, follows, None);
    if !partition.skip_to_or_warn(floor.max(summary.next + skipped)) {
        return partition;
    }
    let cut = if summary.next == summary.base {
        view.delete(summary.base)
    } else {
        file.truncate(summary.end)
    };
    if let Err(error) = cut {
        tracing::warn!(topic = %view.topic, %error, "torn end of the log stays");
    }
    partition
}

fn bases(view: &View) -> io::Result<Vec<u64>> {
    let names = match view.disk.list(&view.dir) {
        Err(error) if view.read_only && error.kind() == io::ErrorKind::NotFound => Vec::new(),
        names => names?,
    };
    let mut bases: Vec<u64> = names.iter().filter_map(|name| segment::base_of(name)).collect();
    bases.sort_unstable();
    Ok(bases)
}

/// A segment that another one follows, from its index where that can be right.
fn sealed(view: &View, base: u64, following: u64) -> io::Result<Summary> {
    let file = view.open(base)?;
    let len = file.size()?;
    let next = follows(view, following)?.unwrap_or(following);
    if let Some((summary, _)) = index::load(&*view.disk, &view.dir, base)
        && summary.next == next
        && summary.end <= len
    {
        return Ok(summary);
    }
    let mut scanned = index::scan(&*file, &view.identity(base), len, next)?;
    note_damage(view, &*file, &scanned);
    let summary = &mut scanned.summary;
    if summary.next < next {
        let (at, len) = scanned.tail.unwrap_or((len, 0));
        view.quarantine(&*file, base, Damage { at, len, from: summary.next, to: next });
        summary.next = next;
    }
    if !view.read_only
        && let Err(error) = index::save(&*view.disk, &view.dir, &scanned.summary, &scanned.index)
    {
        tracing::debug!(topic = %view.topic, %error, "index not saved");
    }
    Ok(scanned.summary)
}

/// What the header of a segment says about the end of the one before it.
fn follows(view: &View, base: u64) -> io::Result<Option<u64>> {
    let header = segment::read_header(&*view.open(base)?)?;
    let header = header.filter(|header| header.identity == view.identity(base));
    Ok(header.map(|header| header.follows))
}

fn last(view: &View, base: u64) -> io::Result<Last> {
    let mode = if view.read_only { Mode::Read } else { Mode::Write };
    let file = view.disk.open(&segment::path(&view.dir, base), mode)?;
    let identity = view.identity(base);
    let scanned = index::scan(&*file, &identity, file.size()?, u64::MAX)?;
    note_damage(view, &*file, &scanned);
    let Scanned { summary, index, tail, .. } = scanned;
    let follows = match summary.next > base {
        true => summary.next,
        false => follows(view, base)?.unwrap_or(base),
    };
    Ok(Last { summary, index, file, tail, follows })
}

fn note_damage(view: &View, file: &dyn File, scanned: &Scanned) {
    for damage in &scanned.damage {
        view.quarantine(file, scanned.summary.base, *damage);
    }
}
