//! Which provider or maker an AAGUID stands for: a first name for a new passkey.
//!
//! The list is the community's (`passkeydeveloper/passkey-authenticator-aaguids`), with the security
//! keys that most people have. Without a trusted attestation an AAGUID is a claim: it names a card on
//! a page, and decides nothing.

use nightlatch_webauthn::Aaguid;

/// The name of the provider or model, if it is a well-known one.
#[must_use]
pub fn name(aaguid: Aaguid) -> Option<&'static str> {
    let at = PROVIDERS.binary_search_by_key(&aaguid.0, |(model, _)| *model).ok()?;
    PROVIDERS.get(at).map(|(_, name)| *name)
}

/// In ascending order.
const PROVIDERS: &[([u8; 16], &str)] = &[
    (0x08987058_cadc_4b81_b6e1_30de50dcbe96_u128.to_be_bytes(), "Windows Hello"),
    (0x0ea242b4_43c4_4a1b_8b17_dd6d0b6baec6_u128.to_be_bytes(), "Keeper"),
    (0x17290f1e_c212_34d0_1423_365d729f09d9_u128.to_be_bytes(), "Thales PIN iOS SDK"),
    (0x22248c4c_7a12_46e2_9a41_44291b373a4d_u128.to_be_bytes(), "LogMeOnce"),
    (0x39a5647e_1853_446c_a1f6_a79bae9f5bc7_u128.to_be_bytes(), "IDmelon"),
    (0x45e3057e_b2f9_48ed_912f_9b901e153b16_u128.to_be_bytes(), "Uniqkey"),
    (0x50726f74_6f6e_5061_7373_50726f746f6e_u128.to_be_bytes(), "Proton Pass"),
    (0x531126d6_e717_415c_9320_3d9aa6981239_u128.to_be_bytes(), "Dashlane"),
    (0x53414d53_554e_4700_0000_000000000000_u128.to_be_bytes(), "Samsung Pass"),
    (0x5ca471bb_a56d_46ad_a496_67e70e9ed9fb_u128.to_be_bytes(), "Parcel"),
    (0x6028b017_b1d4_4c02_b4b3_afcdafc96bb2_u128.to_be_bytes(), "Windows Hello"),
    (0x65c97700_f5ef_4d5c_8a42_f30e45ac94b7_u128.to_be_bytes(), "Royal Vault"),
    (0x66a0ccb3_bd6a_191f_ee06_e375c50b9846_u128.to_be_bytes(), "Thales Bio iOS SDK"),
    (0x6bb49926_160a_4306_a100_4eb39ba6ac45_u128.to_be_bytes(), "AVG Password Manager"),
    (0x70617373_7761_6c6c_6669_646f32303236_u128.to_be_bytes(), "Passwall"),
    (0x771b48fd_d3d4_4f74_9232_fc157ab0507a_u128.to_be_bytes(), "Edge on Mac"),
    (0x87f5ec51_f721_4feb_9fe4_be18c4971894_u128.to_be_bytes(), "PassCard"),
    (0x8836336a_f590_0921_301d_46427531eee6_u128.to_be_bytes(), "Thales Bio Android SDK"),
    (0x891494da_2c90_4d31_a9cd_4eab0aed1309_u128.to_be_bytes(), "Sésame"),
    (0x9addb28c_b46f_4402_808f_019651441ff3_u128.to_be_bytes(), "KeePassPasskey"),
    (0x9ddd1817_af5a_4672_a2b9_3e3dd95000a9_u128.to_be_bytes(), "Windows Hello"),
    (0xa10c6dd9_465e_4226_8198_c7c44b91c555_u128.to_be_bytes(), "Kaspersky Password Manager"),
    (0xa11a5faa_9f32_4b8c_8c5d_2f7d13e8c942_u128.to_be_bytes(), "AliasVault"),
    (0xa4a2d88e_9796_4356_9164_e2a5a8bd019c_u128.to_be_bytes(), "Avast Password Manager"),
    (0xadce0002_35bc_c60a_648b_0b25f1f05503_u128.to_be_bytes(), "Chrome on Mac"),
    (0xb35a26b2_8f6e_4697_ab1d_d44db4da28c6_u128.to_be_bytes(), "Zoho Vault"),
    (0xb5397666_4885_aa6b_cebf_e52262a439a2_u128.to_be_bytes(), "Chromium Browser"),
    (0xb78a0a55_6ef8_d246_a042_ba0f6d55050c_u128.to_be_bytes(), "LastPass"),
    (0xb84e4048_15dc_4dd0_8640_f4f60813c8af_u128.to_be_bytes(), "NordPass"),
    (0xbada5566_a7aa_401f_bd96_45619a55120d_u128.to_be_bytes(), "1Password"),
    (0xbfc748bb_3429_4faa_b9f9_7cfa9f3b76d0_u128.to_be_bytes(), "iPasswords"),
    (0xcc45f64e_52a2_451b_831a_4edd8022a202_u128.to_be_bytes(), "ToothPic Passkey Provider"),
    (0xcd69adb5_3c7a_deb9_3177_6800ea6cb72a_u128.to_be_bytes(), "Thales PIN Android SDK"),
    (0xd2717a32_9851_48a8_9961_b264c97a411a_u128.to_be_bytes(), "Fenko Vault"),
    (0xd3452668_01fd_4c12_926c_83a4204853aa_u128.to_be_bytes(), "Microsoft Password Manager"),
    (0xd350af52_0351_4ba2_acd3_dfeeadc3f764_u128.to_be_bytes(), "pwSafe"),
    (0xd49b2120_b865_4191_8cea_be84a52b0485_u128.to_be_bytes(), "Heimlane Vault"),
    (0xd548826e_79b4_db40_a3d8_11116f7e8349_u128.to_be_bytes(), "Bitwarden"),
    (0xd9be9d39_e6a6_4c28_a581_32b044d986e4_u128.to_be_bytes(), "Sticky Password Manager"),
    (0xdd4ec289_e01d_41c9_bb89_70fa845d4bf2_u128.to_be_bytes(), "iCloud Keychain (Managed)"),
    (0xde503f9c_21a4_4f76_b4b7_558eb55c6f89_u128.to_be_bytes(), "Devolutions"),
    (0xe7db2bd3_f2fe_4d71_ad78_7e7aa166cfd1_u128.to_be_bytes(), "Avira Password Manager"),
    (0xea9b8d66_4d01_1d21_3ce4_b6b48cb575d4_u128.to_be_bytes(), "Google Password Manager"),
    (0xeaecdef2_1c31_5634_8639_f1cbd9c00a08_u128.to_be_bytes(), "KeePassDX"),
    (0xf3809540_7f14_49c1_a8b3_8f813b225541_u128.to_be_bytes(), "Enpass"),
    (0xfa37f553_f9b6_4adb_ac53_8bbb57ebdf0d_u128.to_be_bytes(), "Norton Password Manager"),
    (0xfbfc3007_154e_4ecc_8c0b_6e020557d7bd_u128.to_be_bytes(), "Apple Passwords"),
    (0xfdb141b2_5d84_443e_8a35_4698c205a502_u128.to_be_bytes(), "KeePassXC"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order_and_found() {
        assert!(PROVIDERS.is_sorted_by(|(one, _), (next, _)| one < next));
        for (model, known) in PROVIDERS {
            assert_eq!(name(Aaguid(*model)), Some(*known));
        }
        assert_eq!(name(Aaguid::ZERO), None);
    }

    #[test]
    fn well_known_providers_have_their_names() {
        let of = |text: &str| name(text.parse().unwrap());
        assert_eq!(of("ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4"), Some("Google Password Manager"));
        assert_eq!(of("fbfc3007-154e-4ecc-8c0b-6e020557d7bd"), Some("Apple Passwords"));
    }
}
