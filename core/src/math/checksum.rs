//! CRC-32 (ISO-HDLC, the checksum of zip and Ethernet).

/// One table on the microcontroller (1 KiB of flash), sixteen tables on a workstation.
#[cfg(target_os = "none")]
type CrcTable = crc::Table<1>;
#[cfg(not(target_os = "none"))]
type CrcTable = crc::Table<16>;

/// The checksum of images and of records in flash.
pub(crate) static IMAGE_CRC: crc::Crc<u32, CrcTable> =
    crc::Crc::<u32, CrcTable>::new(&crc::CRC_32_ISO_HDLC);

/// The same checksum for frames, in the form that postcard takes.
pub(crate) static FRAME_CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
