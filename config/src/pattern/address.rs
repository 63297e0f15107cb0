//! Blocks of IP addresses.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// All addresses with the same first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    first: IpAddr,
    bits: u8,
}

impl Cidr {
    /// Reads `10.0.0.0/8` or `2001:db8::/32`. Bits after the block's own do not matter.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((block, bits)) = text.split_once('/') else {
            return Err("not a block of addresses: `/` and the number of bits are missing".into());
        };
        let Some(block) = address(block.as_bytes()) else {
            return Err(format!("`{block}` is not an IPv4 or IPv6 address"));
        };
        let most = if block.is_ipv4() { 31 } else { 127 };
        let digits = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits = bits.parse::<u8>().ok().filter(|bits| digits && *bits <= most);
        let Some(bits) = bits else {
            return Err(format!("the number of bits must be a whole number from 0 to {most}"));
        };
        let first = match block {
            IpAddr::V4(block) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(block.to_bits() & mask))
            }
            IpAddr::V6(block) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(block.to_bits() & mask))
            }
        };
        Ok(Self { first, bits })
    }

    /// The first address of the block.
    pub fn first(&self) -> IpAddr {
        self.first
    }

    /// The last address of the block.
    pub fn last(&self) -> IpAddr {
        match self.first {
            IpAddr::V4(first) => {
                let rest = u32::MAX.checked_shr(u32::from(self.bits)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(first.to_bits() | rest))
            }
            IpAddr::V6(first) => {
                let rest = u128::MAX.checked_shr(u32::from(self.bits)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(first.to_bits() | rest))
            }
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

/// The address that a text of an event or a pattern is: four decimal numbers, or groups of hexadecimal digits. An IPv6
/// address that stands for one of IPv4 (`::ffff:a00:1`) is that one.
pub fn address(text: &[u8]) -> Option<IpAddr> {
    let is_other = |byte: &u8| !byte.is_ascii_hexdigit() && !matches!(byte, b':' | b'.');
    if !(2..=39).contains(&text.len()) || text.iter().any(is_other) {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    if !text.contains(':') {
        return text.parse().ok().map(IpAddr::V4);
    }
    if text.contains('.') {
        return None;
    }
    Some(text.parse::<Ipv6Addr>().ok()?.to_canonical())
}
