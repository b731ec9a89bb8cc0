// SPDX-License-Identifier: MIT OR Apache-2.0
// Tokens of the tests: a plain one, one that takes authorisations (EIP-3009), and some that are awkward.
pragma solidity ^0.8.20;

/// ERC-20 and nothing else.
contract Plain {
    string public name;
    uint8 public decimals;
    uint256 public totalSupply;
    mapping(address => uint256) public balanceOf;

    event Transfer(address indexed from, address indexed to, uint256 value);

    constructor(string memory name_, uint8 decimals_, uint256 supply) {
        name = name_;
        decimals = decimals_;
        totalSupply = supply;
        balanceOf[msg.sender] = supply;
        emit Transfer(address(0), msg.sender, supply);
    }

    function transfer(address to, uint256 value) external virtual returns (bool) {
        move(msg.sender, to, value);
        return true;
    }

    function move(address from, address to, uint256 value) internal virtual {
        require(balanceOf[from] >= value, "too little");
        balanceOf[from] -= value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
    }
}

/// Takes authorisations.
contract Dollar is Plain {
    string public constant version = "2";
    mapping(address => mapping(bytes32 => bool)) public authorizationState;

    bytes32 private constant DOMAIN =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant TRANSFER = keccak256(
        "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    uint256 private constant HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    event AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce);

    constructor(string memory name_, uint8 decimals_, uint256 supply) Plain(name_, decimals_, supply) {}

    function DOMAIN_SEPARATOR() public view returns (bytes32) {
        return keccak256(
            abi.encode(DOMAIN, keccak256(bytes(name)), keccak256(bytes(version)), block.chainid, address(this))
        );
    }

    function transferWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        require(block.timestamp > validAfter, "not yet valid");
        require(block.timestamp < validBefore, "expired");
        require(!authorizationState[from][nonce], "used");
        require(uint256(s) <= HALF_ORDER, "high signature");
        bytes32 transferHash = keccak256(abi.encode(TRANSFER, from, to, value, validAfter, validBefore, nonce));
        address signer = ecrecover(keccak256(abi.encodePacked("\x19\x01", DOMAIN_SEPARATOR(), transferHash)), v, r, s);
        require(signer != address(0) && signer == from, "invalid signature");
        authorizationState[from][nonce] = true;
        emit AuthorizationUsed(from, nonce);
        move(from, to, value);
    }
}

/// Keeps a hundredth of what is transferred.
contract Taxed is Dollar {
    constructor(string memory name_, uint8 decimals_, uint256 supply) Dollar(name_, decimals_, supply) {}

    function move(address from, address to, uint256 value) internal override {
        super.move(from, address(this), value / 100);
        super.move(from, to, value - value / 100);
    }
}

/// Says no instead of failing.
contract Polite is Dollar {
    constructor(string memory name_, uint8 decimals_, uint256 supply) Dollar(name_, decimals_, supply) {}

    function transfer(address to, uint256 value) external override returns (bool) {
        if (to == address(0xdead)) return false;
        move(msg.sender, to, value);
        return true;
    }
}
