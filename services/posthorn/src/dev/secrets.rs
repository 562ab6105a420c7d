//! The fleet's own secrets: taken from the environment, or made once and kept in the folder.
//!
//! They have to stay the same: with other encryption keys the secrets of endpoints in the database
//! cannot be opened, and with another token key every token that was handed out is refused.

use anyhow::Context;
use posthorn_chassis::{Secret, entropy};
use posthorn_signing::KeyRing;

use super::{folder::DevFolder, private_file, settings::DevSettings};

const JWT_FILE: &str = "jwt-secret";
const KEYS_FILE: &str = "encryption-keys";

/// Length of a token key that we make, in bytes: as long as the hash of HS256.
///
/// *Source*: RFC 7518, section 3.2.
const JWT_KEY_BYTES: usize = 32;

/// The fleet's own secrets.
#[derive(Clone, Debug)]
pub(crate) struct Secrets {
    /// Signs and verifies tokens: the value of `POSTHORN_JWT_SECRET`.
    pub(crate) jwt: Secret,
    /// Seals secrets at rest: the value of `POSTHORN_ENCRYPTION_KEYS`.
    pub(crate) encryption_keys: Secret,
}

impl Secrets {
    /// Takes what the environment gives; the rest is read from the folder, or made and kept there.
    ///
    /// # Errors
    /// When a file cannot be read or written, or does not contain what it should.
    pub(crate) fn load_or_create(
        folder: &DevFolder,
        settings: &DevSettings,
    ) -> anyhow::Result<Self> {
        let jwt = match &settings.jwt_secret {
            Some(given) => given.clone(),
            None => kept(folder, JWT_FILE, generate_jwt_secret)?,
        };
        let encryption_keys = match &settings.encryption_keys {
            Some(given) => given.clone(),
            None => kept(folder, KEYS_FILE, KeyRing::generate_text)?,
        };
        KeyRing::parse(encryption_keys.expose())
            .context("the encryption keys cannot be used, neither given nor kept ones")?;
        Ok(Self {
            jwt,
            encryption_keys,
        })
    }
}

/// The secret in this file; made if there is no such file.
fn kept(folder: &DevFolder, name: &str, make: impl FnOnce() -> String) -> anyhow::Result<Secret> {
    let path = folder.join(name);
    let attempt = || format!("cannot keep a secret in {}", path.display());
    if let Some(secret) = private_file::read(&path).with_context(attempt)? {
        let secret = secret.trim();
        anyhow::ensure!(!secret.is_empty(), "{} is empty; delete it", path.display());
        return Ok(Secret::new(secret));
    }
    let secret = make();
    private_file::write(&path, format!("{secret}\n").as_bytes()).with_context(attempt)?;
    Ok(Secret::new(secret))
}

fn generate_jwt_secret() -> String {
    let key = entropy::bytes::<JWT_KEY_BYTES>();
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use posthorn_chassis::Env;

    use super::*;

    fn settings<const COUNT: usize>(pairs: [(&str, &str); COUNT]) -> DevSettings {
        DevSettings::from_env(&mut Env::from_pairs(pairs))
    }

    #[test]
    fn secrets_are_made_once() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DevFolder::open(parent.path()).unwrap();
        let first = Secrets::load_or_create(&folder, &settings([])).unwrap();
        let second = Secrets::load_or_create(&folder, &settings([])).unwrap();
        assert_eq!(first.jwt.expose(), second.jwt.expose());
        assert_eq!(
            first.encryption_keys.expose(),
            second.encryption_keys.expose()
        );
        assert_eq!(first.jwt.expose().len(), 2 * JWT_KEY_BYTES);
        assert!(!format!("{first:?}").contains(first.jwt.expose()));
    }

    #[test]
    fn given_secrets_come_first_and_are_not_kept() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DevFolder::open(parent.path()).unwrap();
        let keys = KeyRing::generate_text();
        let given = settings([
            ("POSTHORN_JWT_SECRET", "given"),
            ("POSTHORN_ENCRYPTION_KEYS", keys.as_str()),
        ]);
        let secrets = Secrets::load_or_create(&folder, &given).unwrap();
        assert_eq!(secrets.jwt.expose(), "given");
        assert_eq!(secrets.encryption_keys.expose(), keys);
        assert!(!folder.join(JWT_FILE).exists() && !folder.join(KEYS_FILE).exists());
    }

    #[test]
    fn a_damaged_file_is_an_error_and_not_a_new_secret() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DevFolder::open(parent.path()).unwrap();
        std::fs::write(folder.join(KEYS_FILE), "1:half").unwrap();
        Secrets::load_or_create(&folder, &settings([])).unwrap_err();
        std::fs::write(folder.join(KEYS_FILE), " \n").unwrap();
        let empty = Secrets::load_or_create(&folder, &settings([])).unwrap_err();
        assert!(empty.to_string().contains("is empty"), "{empty}");
    }
}
