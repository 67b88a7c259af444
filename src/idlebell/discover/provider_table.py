"""The large providers: where their IMAP is, what they want as password, how much they bear. Pure; a table.

Hosts and domains agree with Thunderbird's collection of 2026-03. Figures carry what they rest on; where there is none, nothing
is known and :data:`~idlebell.discover.provider.DEFAULT_SESSIONS` holds. The manual's page of providers is printed from here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from idlebell.discover.provider import Evidence, Known, Login, Provider, implicit
from idlebell.model.account import ImapTarget, Tls

_DOCUMENTED, _REPORTED = Evidence.DOCUMENTED, Evidence.REPORTED


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_ZOHO: Final = Provider(
    "Zoho Mail",
    ("zoho.com", "zohomail.com"),
    (implicit("imap.zoho.com"),),
    Login.APP_WITH_2FA,
    "https://accounts.zoho.com/home#security/app_password",
    hosts=("imappro.zoho.com",),
    switch_on="Settings, Mail Accounts, IMAP.",
    switch_page="https://www.zoho.com/mail/help/imap-access.html",
    without_imap="Free plans made since 2018 have no IMAP.",
    sessions=Known(3, _REPORTED),
    sessions_taken=1,
    connect_rate=1.0,
    notes=("Unusual activity by IMAP blocks an account for a while (Zoho's usage policy).",),
)


def _zoho_at(where: str, domain: str) -> Provider:
    """Each region has its own servers."""
    return replace(
        _ZOHO,
        name=f"Zoho Mail, {where}",
        domains=(domain, domain.replace("zoho.", "zohomail.")),
        servers=(implicit(f"imap.{domain}"),),
        page=f"https://accounts.{domain}/home#security/app_password",
        hosts=(f"imappro.{domain}",),
    )


def _netease(domain: str) -> Provider:
    return Provider(
        f"NetEase, {domain}",
        (domain,),
        (implicit(f"imap.{domain}"),),
        Login.CODE,
        "https://help.mail.163.com/",
        switch_on="Settings, POP3/SMTP/IMAP; the code is shown there.",
        switch_page=f"https://mail.{domain.removeprefix('vip.')}/",
        connect_rate=1.0,
        notes=("ID must come before a mailbox is opened.",),
    )


PROVIDERS: Final[tuple[Provider, ...]] = (
    Provider(
        "Gmail, Google Workspace",
        ("gmail.com", "googlemail.com"),
        (implicit("imap.gmail.com"),),
        Login.APP,
        "https://myaccount.google.com/apppasswords",
        hosts=("imap.googlemail.com", "gmail-imap.l.google.com"),
        sessions=Known(15, _DOCUMENTED),
        sessions_taken=4,
        connect_rate=10.0,
        idle_seconds=Known(540, _REPORTED),
        notes=(
            "An app password needs two-step verification; OAuth works too.",
            "IMAP is on by itself; at Workspace the administrator may switch it off.",
            "All Mail sees everything but Spam and Trash: one session covers all labels.",
            "2,500 MB of IMAP downloads a day.",
        ),
    ),
    Provider(
        "Outlook.com, Exchange Online",
        _names(
            "outlook.com hotmail.com live.com msn.com windowslive.com outlook.de outlook.fr outlook.es "
            "outlook.it outlook.at outlook.dk outlook.jp outlook.com.br outlook.com.au hotmail.co.uk "
            "hotmail.de hotmail.fr hotmail.it hotmail.es hotmail.nl live.de live.fr live.nl live.co.uk"
        ),
        (implicit("outlook.office365.com"),),
        Login.OAUTH,
        "https://support.microsoft.com/office/d088b986-291d-42b8-9564-9c414e2aa040",
        hosts=_names("imap-mail.outlook.com outlook.com office365.com hotmail.com"),
        switch_on="Settings, Mail, Forwarding and IMAP; at Exchange Online by the administrator.",
        switch_page="https://support.microsoft.com/office/d088b986-291d-42b8-9564-9c414e2aa040",
        sessions=Known(16, _DOCUMENTED),
        sessions_taken=4,
        connect_rate=5.0,
        notes=(
            "Passwords are refused everywhere since September 2024.",
            "16 sessions a user is Exchange Server's default; Exchange Online is reported to bear up to 20.",
            "After too many logins it lets one in and answers 'authenticated but not connected'.",
        ),
    ),
    Provider(
        "Yahoo",
        _names(
            "yahoo.com ymail.com rocketmail.com myyahoo.com yahoo.ca yahoo.de yahoo.it yahoo.fr yahoo.es "
            "yahoo.se yahoo.co.in yahoo.co.uk yahoo.co.nz yahoo.com.au yahoo.com.ar yahoo.com.br yahoo.com.mx"
        ),
        (implicit("imap.mail.yahoo.com"),),
        Login.APP,
        "https://login.yahoo.com/account/security",
        hosts=("mail.yahoo.com",),
        sessions=Known(5, _REPORTED),
        sessions_taken=2,
        connect_rate=1.0,
        notes=("Of a mailbox only about the 10,000 newest messages are to be seen.", "Some servers list no IDLE."),
    ),
    Provider(
        "AOL",
        _names("aol.com aim.com netscape.net compuserve.com aol.de aol.fr aol.co.uk verizon.net"),
        (implicit("imap.aol.com"),),
        Login.APP,
        "https://login.aol.com/account/security",
        sessions=Known(5, _REPORTED),
        sessions_taken=2,
        connect_rate=1.0,
        notes=("Runs on Yahoo's servers.",),
    ),
    Provider(
        "iCloud",
        ("icloud.com", "me.com", "mac.com"),
        (implicit("imap.mail.me.com"),),
        Login.APP,
        "https://support.apple.com/102654",
        hosts=("mail.me.com", "imap.mail.icloud.com"),
        sessions=Known(5, _REPORTED),
        sessions_taken=2,
        connect_rate=2.0,
        notes=("Apple tells the part before the @ as user name; where it is refused, the whole address.",),
    ),
    Provider(
        "GMX",
        _names("gmx.net gmx.de gmx.at gmx.ch gmx.eu gmx.info gmx.org gmx.biz"),
        (implicit("imap.gmx.net"), ImapTarget("imap.gmx.net", 143, Tls.STARTTLS)),
        Login.APP_WITH_2FA,
        "https://hilfe.gmx.net/sicherheit/2fa/anwendungsspezifisches-passwort.html",
        switch_on="Settings, POP3/IMAP.",
        switch_page="https://hilfe.gmx.net/pop-imap/einschalten.html",
        idle_seconds=Known(540, _REPORTED),
        notes=("Quiet sessions are dropped after 10 to 15 minutes, without a word.",),
    ),
    Provider(
        "GMX international",
        _names("gmx.com gmx.us gmx.co.uk gmx.es gmx.fr gmx.it gmx.pt gmx.ie gmx.se"),
        (implicit("imap.gmx.com"), ImapTarget("imap.gmx.com", 143, Tls.STARTTLS)),
        Login.APP_WITH_2FA,
        "https://support.gmx.com/security/2fa/application-specific-passwords.html",
        switch_on="Settings, POP3 & IMAP.",
        switch_page="https://support.gmx.com/pop-imap/toggle.html",
        idle_seconds=Known(540, _REPORTED),
    ),
    Provider(
        "mail.com",
        ("mail.com", "email.com", "usa.com", "post.com"),
        (implicit("imap.mail.com"),),
        Login.APP_WITH_2FA,
        "https://support.mail.com/premium/imap/index.html",
        switch_on="Settings, POP3 & IMAP.",
        switch_page="https://support.mail.com/premium/imap/index.html",
        without_imap="IMAP comes with Premium only.",
    ),
    Provider(
        "web.de",
        ("web.de",),
        (implicit("imap.web.de"), ImapTarget("imap.web.de", 143, Tls.STARTTLS)),
        Login.APP_WITH_2FA,
        "https://hilfe.web.de/sicherheit/2fa/anwendungsspezifisches-passwort.html",
        switch_on="Settings, POP3/IMAP.",
        switch_page="https://hilfe.web.de/pop-imap/einschalten.html",
        idle_seconds=Known(540, _REPORTED),
        notes=("Quiet sessions are dropped after 10 to 15 minutes, without a word.",),
    ),
    Provider(
        "IONOS, 1&1",
        _names("online.de onlinehome.de sofortstart.de sofortsurf.de go4more.de"),
        (implicit("imap.ionos.de"),),
        Login.OWN,
        "https://www.ionos.de/hilfe/e-mail/",
        hosts=_names(
            "imap.ionos.com imap.ionos.co.uk imap.ionos.fr imap.ionos.es imap.ionos.it imap.1und1.de "
            "imap.1and1.com imap.1and1.co.uk"
        ),
        idle_seconds=Known(540, _REPORTED),
    ),
    Provider(
        "Strato",
        ("strato.de", "rzone.de"),
        (implicit("imap.strato.de"),),
        Login.OWN,
        "https://www.strato.de/faq/mail/",
    ),
    Provider(
        "T-Online, Magenta",
        ("t-online.de", "magenta.de"),
        (implicit("secureimap.t-online.de"),),
        Login.APP,
        "https://account.idm.telekom.com/account-manager/index.xhtml",
        notes=("Here it is called the password for e-mail programs ('Passwort für E-Mail-Programme').",),
    ),
    Provider(
        "mailbox.org",
        ("mailbox.org", "secure.mailbox.org"),
        (implicit("imap.mailbox.org"), ImapTarget("imap.mailbox.org", 143, Tls.STARTTLS)),
        Login.APP_WITH_2FA,
        "https://kb.mailbox.org/en/private/account-article/use-of-application-passwords",
        sessions_taken=4,
    ),
    Provider(
        "Posteo",
        _names(
            "posteo.de posteo.net posteo.at posteo.ch posteo.eu posteo.org posteo.me posteo.uk posteo.us "
            "posteo.fr posteo.it posteo.es posteo.nl posteo.pl posteo.jp"
        ),
        (implicit("posteo.de"), ImapTarget("posteo.de", 143, Tls.STARTTLS)),
        Login.OWN,
        "https://posteo.de/en/help/settings-for-email-programs-pop3-imap-and-smtp",
        sessions_taken=4,
    ),
    Provider(
        "Fastmail",
        _names(
            "fastmail.com fastmail.fm fastmail.net fastmail.org fastmail.de fastmail.uk fastmail.us messagingengine.com"
        ),
        (implicit("imap.fastmail.com"),),
        Login.APP,
        "https://app.fastmail.com/settings/security/integrations",
        hosts=("mail.messagingengine.com",),
        without_imap="The former Basic plan has no IMAP.",
        sessions_taken=4,
    ),
    _ZOHO,
    _zoho_at("Europe", "zoho.eu"),
    _zoho_at("India", "zoho.in"),
    _zoho_at("Australia", "zoho.com.au"),
    _zoho_at("Japan", "zoho.jp"),
    Provider(
        "Yandex",
        _names("yandex.ru yandex.com ya.ru yandex.by yandex.kz yandex.ua narod.ru"),
        (implicit("imap.yandex.com"),),
        Login.APP,
        "https://id.yandex.com/security/app-passwords",
        hosts=("imap.yandex.ru", "mail.yandex.net"),
        switch_on="Settings, Email clients, From the imap.yandex.com server via IMAP.",
        switch_page="https://yandex.com/support/mail/mail-clients/others.html",
        connect_rate=2.0,
        notes=("A wrong password and IMAP that is switched off get the same answer.",),
    ),
    Provider(
        "mail.ru",
        _names("mail.ru inbox.ru list.ru bk.ru internet.ru corp.mail.ru"),
        (implicit("imap.mail.ru"), ImapTarget("imap.mail.ru", 143, Tls.STARTTLS)),
        Login.APP,
        "https://account.mail.ru/user/2-step-auth/passwords/",
        connect_rate=2.0,
    ),
    Provider(
        "Rambler",
        _names("rambler.ru lenta.ru autorambler.ru myrambler.ru ro.ru"),
        (implicit("imap.rambler.ru"),),
        Login.OWN,
        "https://help.rambler.ru/mail/mail-pochtovye-klienty/1275",
        switch_on="Settings, Programs, Access by mail clients.",
        switch_page="https://help.rambler.ru/mail/mail-pochtovye-klienty/1275",
    ),
    _netease("163.com"),
    _netease("126.com"),
    _netease("yeah.net"),
    _netease("188.com"),
    _netease("vip.163.com"),
    Provider(
        "QQ Mail",
        ("qq.com", "vip.qq.com", "foxmail.com"),
        (implicit("imap.qq.com"),),
        Login.CODE,
        "https://service.mail.qq.com/",
        hosts=("imap.exmail.qq.com",),
        switch_on="Settings, Account, IMAP/SMTP service.",
        switch_page="https://service.mail.qq.com/",
        connect_rate=1.0,
        notes=("A wrong code, too many logins and IMAP that is switched off get the same answer.",),
    ),
    Provider(
        "Seznam",
        _names("seznam.cz email.cz post.cz spoluzaci.cz"),
        (implicit("imap.seznam.cz"),),
        Login.APP_WITH_2FA,
        "https://napoveda.seznam.cz/cz/email/nastaveni/imap-pop3-smtp/",
        switch_on="Settings, POP3/IMAP.",
        switch_page="https://napoveda.seznam.cz/cz/email/nastaveni/imap-pop3-smtp/",
        notes=("Drops connections now and then.",),
    ),
    Provider(
        "o2.pl",
        _names("o2.pl go2.pl tlen.pl prokonto.pl"),
        (implicit("poczta.o2.pl"),),
        Login.OWN,
        "https://pomoc.o2.pl/",
        switch_on="Settings, Mail programs.",
        switch_page="https://pomoc.o2.pl/",
    ),
    Provider(
        "WP",
        ("wp.pl",),
        (implicit("imap.wp.pl"),),
        Login.OWN,
        "https://pomoc.wp.pl/",
        switch_on="Settings, Mail programs.",
        switch_page="https://pomoc.wp.pl/",
    ),
    Provider(
        "Onet",
        _names("onet.pl onet.eu op.pl vp.pl poczta.onet.pl onet.com.pl autograf.pl buziaczek.pl spoko.pl"),
        (implicit("imap.poczta.onet.pl"),),
        Login.OWN,
        "https://pomoc.poczta.onet.pl/",
    ),
    Provider("Free", ("free.fr",), (implicit("imap.free.fr"),), Login.OWN, "https://assistance.free.fr/"),
    Provider(
        "Orange",
        ("orange.fr", "wanadoo.fr"),
        (implicit("imap.orange.fr"),),
        Login.OWN,
        "https://assistance.orange.fr/",
        switch_on="Settings, access from other programs.",
        switch_page="https://assistance.orange.fr/",
    ),
    Provider(
        "SFR",
        ("sfr.fr", "neuf.fr", "club-internet.fr"),
        (implicit("imap.sfr.fr"),),
        Login.OWN,
        "https://assistance.sfr.fr/",
        notes=("Lists no IDLE.",),
    ),
    Provider("La Poste", ("laposte.net",), (implicit("imap.laposte.net"),), Login.OWN, "https://aide.laposte.net/"),
    Provider(
        "Libero",
        _names("libero.it iol.it blu.it inwind.it giallo.it"),
        (implicit("imapmail.libero.it"),),
        Login.APP_WITH_2FA,
        "https://aiuto.libero.it/",
    ),
    Provider(
        "Proton",
        _names("proton.me protonmail.com protonmail.ch pm.me"),
        (),
        Login.BRIDGE,
        "https://proton.me/support/imap-smtp-and-pop3-setup",
        without_imap="Free plans have no Bridge, and without Bridge there is no IMAP.",
        notes=(
            "Bridge listens at 127.0.0.1 port 1143 with STARTTLS: give that as host, and the network in network.allow.",
        ),
    ),
    Provider(
        "Tuta",
        _names("tuta.com tutanota.com tutanota.de tutamail.com tuta.io keemail.me"),
        (),
        Login.NONE,
        "https://tuta.com/support#imap",
    ),
)
